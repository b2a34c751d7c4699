import { DescriptorError, show } from '../errors.ts';
import { DURATION_FORMS, type Duration, type Millis, readDuration, toInstant } from '../time.ts';

/** For how long a key is blocked, and why. */
export type BlockOptions = BlockFor | BlockUntil;

interface BlockReason {
  /** Why, for `explain` and for whoever reads logs. */
  readonly reason?: string;
}

/** A block that lasts a while. */
export interface BlockFor extends BlockReason {
  /** How long it lasts from now. */
  readonly for: Duration;
  /** Not together with `for`. */
  readonly until?: never;
}

/** A block that lasts until an instant. */
export interface BlockUntil extends BlockReason {
  /** The first instant at which it is over. */
  readonly until: Millis;
  /** Not together with `until`. */
  readonly for?: never;
}

/**
 * The block that `options` describe.
 *
 * @throws DescriptorError: `bad-block` unless exactly one of `for` and `until` is given and right
 */
export function blockFrom(options: BlockOptions, now: Millis): Block {
  const { until, for: duration, reason } = { ...options };
  if (until !== undefined && duration === undefined) return { until: toInstant(until, 'until'), reason };
  const length = readDuration(duration);
  if (length !== undefined && until === undefined) return { until: now + length, reason };
  const message = `give either until (an instant) or for (${DURATION_FORMS}), not ${show(duration)}`;
  throw new DescriptorError({ code: 'bad-block', path: 'for', value: duration, message });
}

/** A key that is refused until an instant. */
export interface Block {
  readonly until: Millis;
  /** Why, in the words of whoever blocked it. */
  readonly reason: string | undefined;
}

/** Blocked keys of one partition, apart from its rows: no block is ever evicted, joined or forgotten early. */
export class BlockTable {
  readonly #blocks = new Map<string, Block>();
  readonly #max: number;
  /** Blocks kept, among them some that may have ended. A field: every decision looks at it. */
  size = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** The block in force on `key` at `now`. */
  find(key: string, now: Millis): Block | undefined {
    const block = this.#blocks.get(key);
    return block !== undefined && now < block.until ? block : undefined;
  }

  /**
   * Blocks `key`, replacing an earlier block of it.
   *
   * @throws DescriptorError (`too-many-blocks`) when the table is full of blocks still in force
   */
  add(key: string, block: Block, now: Millis): void {
    if (this.#blocks.size >= this.#max && !this.#blocks.has(key)) this.#dropEnded(now);
    if (this.#blocks.size >= this.#max && !this.#blocks.has(key)) {
      const message = `${this.#max} keys of this partition are blocked already; raise maxBlocks or unblock some`;
      throw new DescriptorError({ code: 'too-many-blocks', path: 'partition', value: key, message });
    }
    this.#blocks.set(key, block);
    this.size = this.#blocks.size;
  }

  /** All blocks that are kept, for a snapshot. */
  entries(): Iterable<[string, Block]> {
    return this.#blocks.entries();
  }

  /** Lifts the block on `key`; whether one was in force at `now`. */
  remove(key: string, now: Millis): boolean {
    const isInForce = this.find(key, now) !== undefined;
    this.#blocks.delete(key);
    this.size = this.#blocks.size;
    return isInForce;
  }

  #dropEnded(now: Millis): void {
    for (const [key, block] of this.#blocks) if (block.until <= now) this.#blocks.delete(key);
  }
}
