/** Results on disk: `results/latest.json`. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import type { CaseResult } from '../case.ts';
import type { Verdict } from './verdicts.ts';

/** What came of a case, and the command that measured it. */
export interface Published extends CaseResult {
  readonly command: string;
}

export interface Results {
  readonly node: string;
  readonly cpu: string;
  readonly cores: number;
  readonly date: string;
  /** Exact versions of everyone compared. */
  readonly versions: Readonly<Record<string, string>>;
  readonly checksum: number;
  readonly bars: readonly Verdict[];
  readonly cases: readonly Published[];
}

const FILE = new URL('../results/latest.json', import.meta.url);

export function environment(): Pick<Results, 'node' | 'cpu' | 'cores' | 'date' | 'versions'> {
  const { dependencies } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  return {
    node: process.version,
    cpu: cpus()[0]?.model ?? 'unknown processor',
    cores: cpus().length,
    date: new Date().toISOString(),
    versions: { headgate: version, ...dependencies },
  };
}

/** Cases of the last published run, with those that were measured again in their place. */
export function merge(cases: readonly Published[], order: readonly string[]): Published[] {
  let before: Results | undefined;
  try {
    before = JSON.parse(readFileSync(FILE, 'utf8'));
  } catch {
    return [...cases];
  }
  const byId = new Map([...(before?.cases ?? []), ...cases].map((each) => [each.id, each]));
  return order.flatMap((id) => byId.get(id) ?? []);
}

export function writeResults(results: Results): void {
  const rounded = (_: string, value: unknown): unknown =>
    typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(6)) : value;
  mkdirSync(new URL('.', FILE), { recursive: true });
  writeFileSync(FILE, `${JSON.stringify(results, rounded, 1)}\n`);
}
