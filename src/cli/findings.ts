import type { Fault } from '../errors.ts';
import type { Finding } from '../policy/lint.ts';
import { oneLine } from './io.ts';

/** How wide the lines of a finding are. */
const WIDTH = 100;

/** Findings for people: each path once, and below it what was found there and what would mend it. */
export function findingLines(findings: readonly Finding[]): string[] {
  return findings.flatMap(({ code, path, message, remedy }, i) => [
    ...(findings[i - 1]?.path === path ? [] : [`  ${oneLine(path)}`]),
    ...wrapped(`${code}: ${message}`, '    '),
    ...wrapped(`Remedy: ${remedy}`, '      '),
  ]);
}

/** Faults and findings as one line of JSON. Its fields are documented and settled. */
export function jsonReport(faults: readonly Fault[], findings: readonly Finding[] = []): string {
  const told = faults.map(({ code, path, message }) => ({ code, path, message }));
  return `${JSON.stringify({ faults: told, findings })}\n`;
}

/** A text in lines that begin with `indent`; a word that is too long has a line of its own. */
function wrapped(text: string, indent: string): string[] {
  const lines: string[] = [];
  for (const word of oneLine(text).split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && `${last} ${word}`.length <= WIDTH) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(indent + word);
  }
  return lines;
}
