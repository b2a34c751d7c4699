import { findNodeAtLocation, type Node, type ParseError, parseTree, printParseErrorCode } from 'jsonc-parser';

/** Something that is wrong, or likely to be, at a line. */
export interface Note {
  /** From 0. */
  readonly line: number;
  readonly text: string;
  readonly kind: 'fault' | 'finding';
}

/** How many notes are shown at most. */
export const MOST_NOTES = 50;

/** Where the JSON of a text stops being JSON, of many places the first; nothing if it never does. */
export function syntaxFaults(text: string): Note[] {
  const errors: ParseError[] = [];
  parseTree(text, errors, { disallowComments: true });
  return errors.slice(0, MOST_NOTES).map(({ error, offset }) => ({
    line: lineAt(text, offset),
    text: `no JSON: ${printParseErrorCode(error)}`,
    kind: 'fault',
  }));
}

/** Tells the line on which the value at a dotted path stands, or else that of the nearest thing around it. */
export function linesOf(text: string): (path: string) => number {
  const root = parseTree(text);
  return (path) => (root === undefined ? 0 : lineOf(text, root, path));
}

function lineOf(text: string, root: Node, path: string): number {
  const steps = path === '' ? [] : path.split('.').map((step) => (/^\d+$/.test(step) ? Number(step) : step));
  for (let known = steps.length; known > 0; known--) {
    const found = findNodeAtLocation(root, steps.slice(0, known));
    if (found !== undefined)
      return lineAt(text, (found.parent?.type === 'property' ? found.parent : found).offset);
  }
  return lineAt(text, root.offset);
}

function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length - 1;
}
