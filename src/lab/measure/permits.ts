import type { Millis } from '../../time.ts';
import type { Taken } from '../contender.ts';

/** What became of the permits of one limit. */
export interface PermitFigures {
  /** The limit. */
  readonly limit: string;
  /** The most work of one key that was going on at once: in permits, also those taken back while it went on. */
  readonly most: number;
  /** The quota of that key then. */
  readonly quota: number;
  /** Whose. */
  readonly key: string;
  /** When. */
  readonly at: Millis;
  /** Times that work went on after its permits had been taken back, since the lease was over. */
  readonly lost: number;
}

/** Work that is going on, by limit and key. It is over when it is over, not when its permits are taken back. */
export class Permits {
  readonly #limits = new Map<
    string,
    { -readonly [K in keyof PermitFigures]: PermitFigures[K] } & { held: Map<string, number> }
  >();

  /** Work begins. */
  take(taken: readonly Taken[], at: Millis): void {
    for (const { limit, key, permits, quota } of taken) {
      const known = this.#limits.get(limit) ?? {
        limit,
        most: 0,
        quota,
        key,
        at,
        lost: 0,
        held: new Map<string, number>(),
      };
      if (known.most === 0) this.#limits.set(limit, known);
      const held = (known.held.get(key) ?? 0) + permits;
      known.held.set(key, held);
      if (held > known.most) Object.assign(known, { most: held, quota, key, at });
    }
  }

  /** Work is over; whether its permits had not been taken back before. */
  giveBack(taken: readonly Taken[], isKept: boolean): void {
    for (const { limit, key, permits } of taken) {
      const known = this.#limits.get(limit);
      if (known === undefined) continue;
      const held = (known.held.get(key) ?? 0) - permits;
      if (held === 0) known.held.delete(key);
      else known.held.set(key, held);
      if (!isKept) known.lost += 1;
    }
  }

  /** Permits that work of a key has in use. */
  used(limit: string, key: string): number {
    return this.#limits.get(limit)?.held.get(key) ?? 0;
  }

  /** By limit, in the order in which they were first used. */
  figures(): readonly PermitFigures[] {
    return [...this.#limits.values()].map(({ held: _held, ...figures }) => figures);
  }
}
