import { readFile } from 'node:fs/promises';
import { isHeadgateError, type PolicyError } from '../errors.ts';
import type { PolicyDocument } from '../policy/document.ts';
import { parsePolicy } from '../policy/parse.ts';
import { count, EXIT, Failure, fileFailure, oneLine } from './io.ts';

/**
 * The JSON in a policy file.
 *
 * @throws Failure if it cannot be read, or is no JSON: with line and column
 */
export async function readPolicyFile(file: string): Promise<unknown> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw fileFailure(error, file);
  });
  const json = text.replace(/^\uFEFF/, '');
  try {
    return JSON.parse(json);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const before = json.slice(0, positionOf(error, json)).split('\n');
    const column = (before.at(-1) ?? '').length + 1;
    throw new Failure(`${file}, line ${before.length}, column ${column}: no JSON: ${reasonOf(error)}`);
  }
}

/**
 * The policy in a file.
 *
 * @throws Failure if it cannot be read, is no JSON or no policy
 */
export async function openPolicy(file: string): Promise<PolicyDocument> {
  const document = await readPolicyFile(file);
  try {
    return parsePolicy(document);
  } catch (error) {
    if (!isHeadgateError(error, 'PolicyError')) throw error;
    const [first = '', ...rest] = faultLines(file, error);
    throw new Failure(first, EXIT.failed, rest);
  }
}

/** The faults of a policy: a line that counts them, then one for each, `path: what is wrong`. */
export function faultLines(file: string, { faults, faultCount }: PolicyError): string[] {
  const lines = faults.map(({ path, message }) => `  ${path === '' ? '(policy)' : path}: ${message}`);
  if (faultCount > faults.length) lines.push(`  and ${faultCount - faults.length} more`);
  return [`${file}: ${count(faultCount, 'fault')}`, ...lines].map(oneLine);
}

/** Where the text stops being JSON. */
function positionOf(error: SyntaxError, json: string): number {
  const [, position] = / at position (\d+)/.exec(error.message) ?? [];
  if (position !== undefined) return Number(position);
  if (!isUnexpectedToken(error)) return json.length;
  // This message does not say where. The parser stops at the token, so only texts that hold it provoke the message.
  let without = 0;
  let holding = json.length;
  while (holding - without > 1) {
    const middle = Math.floor((without + holding) / 2);
    if (failsAtToken(json.slice(0, middle))) holding = middle;
    else without = middle;
  }
  return without;
}

function failsAtToken(json: string): boolean {
  try {
    JSON.parse(json);
    return false;
  } catch (error) {
    return error instanceof SyntaxError && isUnexpectedToken(error);
  }
}

function isUnexpectedToken({ message }: SyntaxError): boolean {
  return message.endsWith('is not valid JSON');
}

/** The parser's message without the position and the piece of text it quotes. */
function reasonOf({ message }: SyntaxError): string {
  return oneLine(
    message.replace(/^(Unexpected token '.+?'), .*$/su, '$1').replace(/(?: in JSON)? at position .*$/s, ''),
  );
}
