/**
 * The loops that ask, one for answers and one for promises. They do as little else as they can, in small integers: what a
 * loop takes is part of everyone's figure, and would bring the ratios closer together.
 */
import type { Subject } from '../contenders/subject.ts';
import { PER_MS_BITS, START, type Traffic } from '../workload.ts';

/** What was answered: how many were allowed, and a sum that keeps a compiler from leaving the answers out. */
export interface Tally {
  allowed: number;
  checksum: number;
}

/** Calls `first` to `first + count - 1` of the traffic. */
export async function askMany(
  subject: Subject,
  traffic: Traffic,
  first: number,
  count: number,
): Promise<Tally> {
  if (subject.kind === 'sync') return askSync(subject.ask, traffic, first, count);
  return askAsync(subject, traffic, first, count);
}

export function askSync(
  ask: (key: string, now: number, at: number) => number,
  { strings, order }: Pick<Traffic, 'strings' | 'order'>,
  first: number,
  count: number,
): Tally {
  const mask = order.length - 1;
  let allowed = 0;
  let checksum = 0;
  for (let at = first; at < first + count; at++) {
    const left = ask(strings[order[at & mask] as number] as string, START + (at >>> PER_MS_BITS), at);
    if (left >= 0) allowed++;
    checksum = (checksum + left) | 0;
  }
  return { allowed, checksum };
}

async function askAsync(
  { ask, left }: Extract<Subject, { kind: 'async' }>,
  { strings, order }: Pick<Traffic, 'strings' | 'order'>,
  first: number,
  count: number,
): Promise<Tally> {
  const mask = order.length - 1;
  let allowed = 0;
  let checksum = 0;
  for (let at = first; at < first + count; at++) {
    let rest = -1;
    try {
      rest = left(await ask(strings[order[at & mask] as number] as string, START + (at >>> PER_MS_BITS), at));
    } catch (error) {
      if (error instanceof Error) throw error;
    }
    if (rest >= 0) allowed++;
    checksum = (checksum + rest) | 0;
  }
  return { allowed, checksum };
}

/** Every key once, in the order they were made. */
export async function fill(subject: Subject, keys: readonly string[]): Promise<Tally> {
  const length = 2 ** Math.ceil(Math.log2(Math.max(keys.length, 1)));
  const order = Uint32Array.from({ length }, (_, i) => i);
  const tally = { allowed: 0, checksum: 0 };
  // In pieces, so that what stands between them, such as a collection of garbage, is not put off for ever.
  for (let from = 0; from < keys.length; from += 65_536) {
    const count = Math.min(65_536, keys.length - from);
    const part = await askMany(subject, { keys, strings: keys, order }, from, count);
    tally.allowed += part.allowed;
    tally.checksum = (tally.checksum + part.checksum) | 0;
  }
  return tally;
}
