import type { Millis } from '../time.ts';
import type { StoreCharge, StoredRow, StoreKey, StoreLimit, StoreReply, StoreRow } from './store.ts';

/** Rows of a request that are kept in one slot. */
export interface Part {
  /** Its place among the parts. */
  readonly index: number;
  readonly rows: readonly StoreRow[];
  /** Where they are among the rows of the request. */
  readonly places: readonly number[];
  /** Whether there are only shadow limits, which never deny. */
  readonly isShadow: boolean;
  /** Whether permits are taken that are no shadows. */
  readonly holds: boolean;
  /** Whether it is the same place for everybody. */
  readonly isForAll: boolean;
}

/** The rows of each slot, in the order in which the slots come first. */
export function partsOf(rows: readonly StoreRow[]): readonly Part[] {
  return bySlot(rows).map((places, index): Part => {
    const own = places.map((place) => rows[place]).filter((row) => row !== undefined);
    return {
      index,
      rows: own,
      places,
      isShadow: own.every(({ partition }) => partition.isShadow),
      holds: own.some(({ partition, permits }) => !partition.isShadow && takesAny(permits)),
      isForAll: own[0]?.partition.slot.length === 0,
    };
  });
}

/** Which of `keys` are in the same slot, by their places: a request has one value for each field. */
export function bySlot(keys: readonly StoreKey[]): number[][] {
  const slots = new Map<string, number[]>();
  for (const [place, { partition }] of keys.entries()) {
    const id = partition.slot.join();
    const places = slots.get(id);
    if (places === undefined) slots.set(id, [place]);
    else places.push(place);
  }
  return [...slots.values()];
}

export function takesAny(permits: StoreRow['permits']): boolean {
  return permits.some(({ cost }) => cost > 0);
}

/** What a slot is taken to have said that did not answer, where that does not matter: nothing was ever charged there. */
export function blankReply({ rows }: Part, now: Millis): StoreReply {
  const stored = rows.map(() => ({ born: 0, blockedUntil: 0, cells: [], held: [] }));
  const nothing = { resets: 0, isHeld: false, fence: 0, expiresAt: 0, mustWait: false, ticket: undefined };
  return { agreed: false, now, rows: stored, ...nothing };
}

/** What all slots have read, in the order of the request's rows, each row with how much later it was than `now`. */
export function joinRows(replies: ReadonlyMap<Part, StoreReply>, now: Millis): StoredRow[] {
  const joined: StoredRow[] = [];
  for (const [{ places }, reply] of replies) {
    const lag = reply.now - now;
    for (const [i, row] of reply.rows.entries()) joined[places[i] ?? 0] = lag === 0 ? row : { ...row, lag };
  }
  return joined;
}

/** The charges that a row has agreed to by what was read of it, and so has made. */
export function chargesOf(row: StoreRow, stored: StoredRow, now: Millis): StoreCharge[] {
  return verdicts(row, stored, now).filter((charge) => charge !== undefined);
}

/** Whether all rows agree by what was read of them. */
export function wouldAgree({ rows }: Part, { rows: stored, now }: StoreReply): boolean {
  return rows.every((row, i) => {
    const read = stored[i];
    if (read === undefined || row.partition.isShadow) return true;
    const hasRoom = row.permits.every(
      ({ cost, most }, j) => Math.max(cost, cost + (read.held[j] ?? 0)) <= most,
    );
    return hasRoom && read.blockedUntil <= now && !verdicts(row, read, now).includes(undefined);
  });
}

/** Whether a limit never grants as much, whatever has been used. */
export function isNever({ rows }: Part): boolean {
  return rows.some(({ partition, limits, permits }) => {
    if (partition.isShadow) return false;
    if (permits.some(({ cost, most }) => cost > most)) return true;
    return limits.some(({ plan, cost }) => {
      const fresh = new Float64Array(plan.algorithm.cells);
      return plan.algorithm.availableAt(plan, fresh, 0, 0, cost) === Number.POSITIVE_INFINITY;
    });
  });
}

/** Whether a key is blocked, so that waiting does not help. */
export function isBlocked({ rows, now }: StoreReply): boolean {
  return rows.some(({ blockedUntil }) => blockedUntil > now);
}

/** What each limit of a row makes of it: a charge, or nothing. */
function verdicts(row: StoreRow, { cells }: StoredRow, now: Millis): (StoreCharge | undefined)[] {
  let from = 0;
  return row.limits.map((limit) => {
    const own = Float64Array.from(cells.slice(from, from + limit.plan.algorithm.cells));
    from += own.length;
    return charged(limit, own, now);
  });
}

/** As a store decides: cells that no history explains are repaired on the way to a "no". */
function charged(limit: StoreLimit, cells: Float64Array, now: Millis): StoreCharge | undefined {
  const { plan, cost } = limit;
  const { algorithm } = plan;
  if (!(algorithm.availableAt(plan, cells, 0, now, cost) <= now)) {
    algorithm.repair(plan, cells, 0, now);
    if (!(algorithm.availableAt(plan, cells, 0, now, cost) <= now)) return undefined;
  }
  return { ...limit, since: cost === 0 ? now : algorithm.charge(plan, cells, 0, now, cost) };
}
