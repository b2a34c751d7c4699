import type { Millis } from '../time.ts';
import type { Guarded, OnLate } from './guard.ts';
import { bySlot, partsOf, takesAny } from './parts.ts';
import { Reservation } from './reservation.ts';
import type { Store, StoreKey, StoreReply, StoreRequest, StoreRow } from './store.ts';

/**
 * A partitioned store that may be asked about rows in several slots at once, for policies that say
 * `crossSlot: 'reserve'`. What is in one slot goes through as it stands.
 */
export class ReservingStore implements Guarded {
  readonly algorithms: readonly string[];
  readonly isPartitioned: boolean;
  readonly #store: Guarded;

  readonly #onGivenBack: () => void;

  /**
   * @param store - answers every call in time
   * @param onGivenBack - hears that something was given back which had only been reserved
   */
  constructor(store: Guarded, onGivenBack: () => void) {
    this.algorithms = store.algorithms;
    this.isPartitioned = store.isPartitioned;
    this.#store = store;
    this.#onGivenBack = onGivenBack;
  }

  /** @param onLate - where several slots are asked, each gives back by itself what comes too late */
  decide(request: StoreRequest, onLate?: OnLate): Promise<StoreReply> {
    const { rows } = request;
    const slot = rows[0]?.partition.slot;
    if (rows.every(({ partition }) => partition.slot === slot)) return this.#store.decide(request, onLate);
    const [home, ...others] = partsOf(rows);
    if (home === undefined || others.length === 0) return this.#store.decide(request, onLate);
    return new Reservation(this.#store, request, [home, ...others], this.#onGivenBack).decide();
  }

  readonly correct: Store['correct'] = async (id, how, rows, now) => {
    await Promise.all(
      slotsOf(rows).map((own, i) => this.#store.correct(i === 0 ? id : `${id}.${i}`, how, own, now)),
    );
  };

  /** It was held if it was in all slots; what only shadows hold may be gone before. */
  readonly release: Store['release'] = async (id, lease, rows, now) => {
    const held = await Promise.all(
      holdersOf(rows).map(async (own, i) => {
        const releasing = this.#store.release(i === 0 ? id : `${id}.${i}`, lease, own, now);
        return isShadow(own) ? releasing.then(yes, yes) : releasing;
      }),
    );
    return held.every(Boolean);
  };

  readonly renew: Store['renew'] = async (lease, rows, now) => {
    const renewed = await Promise.all(
      holdersOf(rows).map(async (own) => {
        const renewing = this.#store.renew(lease, own, now);
        return isShadow(own) ? renewing.then(forEver, forEver) : renewing;
      }),
    );
    return renewed.includes(undefined) ? undefined : Math.min(...renewed.map(Number));
  };

  readonly leave: Store['leave'] = (...asked) => this.#store.leave(...asked);

  readonly block: Store['block'] = (...asked) => this.#store.block(...asked);

  readonly unblock: Store['unblock'] = (...asked) => this.#store.unblock(...asked);

  readonly forget: Store['forget'] = async (keys, now) => {
    const [first] = await Promise.all(slotsOf(keys).map((own) => this.#store.forget(own, now)));
    return first === true;
  };
}

function slotsOf<T extends StoreKey>(keys: readonly T[]): T[][] {
  return bySlot(keys).map((places) => keys.filter((_, place) => places.includes(place)));
}

/** The slots in which permits are held. */
function holdersOf(rows: readonly StoreRow[]): StoreRow[][] {
  return slotsOf(rows.filter(({ permits }) => takesAny(permits)));
}

function isShadow(rows: readonly StoreRow[]): boolean {
  return rows.every(({ partition }) => partition.isShadow);
}

const yes = (): boolean => true;
const forEver = (): Millis => Number.POSITIVE_INFINITY;
