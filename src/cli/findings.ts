import type { Fault } from '../errors.ts';
import type { Finding } from '../policy/lint.ts';
import { oneLine } from './io.ts';
import { wrapped } from './layout.ts';

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
