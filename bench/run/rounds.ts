/**
 * Plays cases round by round: within a round the entries of a case run one after the other, each in its own process and
 * each time beginning with another, so that whatever else the machine does meets all of them alike.
 */
import type { Case, CaseResult, Entry, Setting } from '../case.ts';
import { play } from './child.ts';

/** Contenders that are policies of headgate's. */
const OUR_POLICIES = ['tiered', 'tiered-headers', 'limits', 'match'];

export interface RunOptions {
  /** Overrides the rounds of every case. */
  readonly rounds: number | undefined;
  /** Settings that shorten everything. */
  readonly extra: Partial<Setting>;
  readonly log: (line: string) => void;
}

export interface Played {
  readonly cases: readonly CaseResult[];
  readonly checksum: number;
  /** Whether headgate has answered rightly everywhere. Peers that have not are listed, and are not our fault. */
  readonly isSound: boolean;
}

export async function playRounds(cases: readonly Case[], options: RunOptions): Promise<Played> {
  const { extra, log } = options;
  if (cases.length === 0) return { cases: [], checksum: 0, isSound: true };
  const wrong = await checkAll(cases, log);
  let checksum = 0;
  const values = new Map<string, Record<string, (number | null)[]>>();
  const faults = new Map<string, Record<string, string>>();
  for (const { id, entries } of cases) {
    values.set(id, Object.fromEntries(entries.map(({ name }) => [name, []])));
    faults.set(
      id,
      Object.fromEntries(
        entries.flatMap((entry) => {
          const fault = wrong.get(checkOf(entry));
          return fault === undefined ? [] : [[entry.name, fault]];
        }),
      ),
    );
  }
  const last = options.rounds ?? Math.max(0, ...cases.map(({ rounds }) => rounds));
  for (let round = 0; round < last; round++) {
    const due = cases.filter(({ rounds }) => round < (options.rounds ?? rounds));
    const start = performance.now();
    for (const { id, entries } of due) {
      const figures = values.get(id) ?? {};
      const failed = faults.get(id) ?? {};
      const from = round % entries.length;
      for (const entry of [...entries.slice(from), ...entries.slice(0, from)]) {
        const result = failed[entry.name] === undefined ? await play(entry, extra) : {};
        checksum = (checksum + (result.checksum ?? 0)) | 0;
        if (result.fault !== undefined) {
          failed[entry.name] = result.fault;
          // Whoever is not done with few waiters need not try more.
          for (const other of entry.program === 'waiters' ? cases : []) {
            const isAlike = other.entries.some(
              ({ name, program }) => name === entry.name && program === 'waiters',
            );
            const others = faults.get(other.id);
            if (isAlike && others !== undefined)
              others[entry.name] ??= `${result.fault} (${entry.setting.waiters} waiters)`;
          }
        }
        figures[entry.name]?.push(result.value ?? null);
      }
    }
    const seconds = Math.round((performance.now() - start) / 1000);
    log(`round ${round + 1} of ${last}: ${due.length} cases in ${seconds} s`);
  }
  const date = new Date().toISOString();
  return {
    cases: cases.map(({ id, table, row, unit, reference }) => ({
      id,
      table,
      row,
      unit,
      reference,
      date,
      values: values.get(id) ?? {},
      faults: faults.get(id) ?? {},
    })),
    checksum,
    isSound: !cases.some(({ entries }) => entries.some((each) => isOurs(each) && wrong.has(checkOf(each)))),
  };
}

function isOurs({ contender }: Entry): boolean {
  return contender === 'headgate' || OUR_POLICIES.includes(contender);
}

/** What has to be right before an entry is timed, as an entry of its own. */
function check({ contender, program, setting }: Entry): Omit<Entry, 'name'> {
  const isSemaphore = ['uncontended', 'uncontended-sync', 'waiters', 'leave'].includes(program);
  if (isSemaphore) return { contender, program: 'semaphore-correct', setting: {} };
  const { algorithm, clock, limits, partitions, reads, patterns, paths } = setting;
  const kept = { algorithm, clock, limits, partitions, reads, patterns, paths };
  return { contender, program: 'correct', setting: JSON.parse(JSON.stringify(kept)) };
}

function checkOf(entry: Entry): string {
  const { contender, program, setting } = check(entry);
  return `${contender} ${program} ${JSON.stringify(setting)}`;
}

/** Why contenders are wrong, by check. These are not timed, so several may run at once. */
async function checkAll(cases: readonly Case[], log: (line: string) => void): Promise<Map<string, string>> {
  const due = new Map(
    cases.flatMap(({ entries }) => entries.map((entry) => [checkOf(entry), entry] as const)),
  );
  const wrong = new Map<string, string>();
  const queue = [...due];
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [name, entry] = next;
      const { fault } = await play(check(entry));
      if (fault === undefined) continue;
      wrong.set(name, `wrong answer: ${fault}`);
      log(`FAILED ${name}: ${fault}`);
    }
  };
  await Promise.all([work(), work(), work(), work()]);
  log(`${due.size - wrong.size} of ${due.size} contenders and settings answer rightly`);
  return wrong;
}
