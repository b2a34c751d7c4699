import type { Millis } from '../time.ts';
import type { LimitReport } from './report.ts';

/** Resets that are less apart are taken for the same one: fields are rounded to seconds, and travel for a while. */
const SAME_RESET: Millis = 1000;

/** One limit of a server, as far as its responses have told. */
export class KnownLimit {
  /** Units left, requests under way not counted. */
  #remaining = 0;
  /** `undefined`: nobody knows, or it has passed and nothing has been reported since. */
  #resetAt: Millis | undefined;
  /** The most it is known to have had: what to expect after a reset. */
  #peak = 1;
  #quota: number | undefined;
  /** Number of the last request that had been sent when this was reported. */
  #asOf = 0;

  /** Whether there is nothing but a guess left, which any answer will do away with. */
  get isGuess(): boolean {
    return this.#resetAt === undefined;
  }

  /** Whether it says anything at all now. */
  isOver(now: Millis): boolean {
    return this.#resetAt === undefined || this.#resetAt <= now;
  }

  /**
   * @param number - that of the request which this answers; they count up as they are sent
   * @param sent - that of the last request that has been sent
   */
  update(report: LimitReport, number: number, sent: number): void {
    const { remaining, resetAt, quota } = report;
    // Of requests that were under way together, nobody knows which was served first. In one window, less left is later.
    const known = this.#resetAt;
    this.#peak = Math.max(this.#peak, remaining + 1);
    this.#quota = quota;
    const isTogether = number <= this.#asOf;
    this.#asOf = sent;
    if (isTogether && known !== undefined && (resetAt ?? 0) < known + SAME_RESET) {
      this.#remaining = Math.min(this.#remaining, remaining);
      this.#resetAt = Math.max(known, resetAt ?? 0);
      return;
    }
    this.#remaining = remaining;
    this.#resetAt = resetAt;
  }

  /**
   * When one more request can be sent.
   *
   * @param underWay - requests that have been sent and not been answered: each may take a unit that no report has told of
   * @returns at or before `now`: now; `Infinity`: when one of those has been answered
   */
  freeAt(underWay: number, now: Millis): Millis {
    if (this.#resetAt !== undefined && this.#resetAt <= now) this.#refill();
    if (this.#resetAt !== undefined) return underWay < this.#remaining ? now : this.#resetAt;
    // Where nobody says when, one at a time goes to see.
    return underWay < Math.max(this.#remaining, 1) ? now : Number.POSITIVE_INFINITY;
  }

  /** It is full again, but nobody has said so yet: no more than it was seen to hold is expected. */
  #refill(): void {
    this.#remaining = Math.min(this.#peak, this.#quota ?? Number.POSITIVE_INFINITY);
    this.#resetAt = undefined;
  }
}
