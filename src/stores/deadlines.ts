import { type Clock, type Millis, wakeByTimer } from '../time.ts';

/** A timer that is this late shows that the process was busy: the reply may have come in the meantime. */
const LATE: Millis = 20;

/** Whoever began at the same instant, and so is to be done at the same: they share a timer. */
interface Cohort {
  readonly began: Millis;
  readonly waiting: Set<() => void>;
  disarm(): void;
}

/** Tells who has waited for as long as they may. A timer for each of them costs more than all else that is done for a call. */
export class Deadlines {
  readonly #clock: Clock;
  readonly #length: Millis;
  /** The latest; its timer runs on when nobody waits, as somebody may within the same instant. */
  #cohort: Cohort | undefined;

  constructor(clock: Clock, length: Millis) {
    this.#clock = clock;
    this.#length = length;
  }

  /**
   * @param end - called when the time is up
   * @returns to be called by whoever does not wait any longer
   */
  watch(end: () => void): () => void {
    const now = this.#clock.now();
    let cohort = this.#cohort;
    if (cohort === undefined || cohort.began !== now) {
      if (cohort?.waiting.size === 0) cohort.disarm();
      cohort = this.#begin(now);
      this.#cohort = cohort;
    }
    const { waiting } = cohort;
    const own = cohort;
    waiting.add(end);
    return () => {
      if (waiting.delete(end) && waiting.size === 0 && own !== this.#cohort) own.disarm();
    };
  }

  #begin(began: Millis): Cohort {
    const waiting = new Set<() => void>();
    const due = began + this.#length;
    let disarm = this.#wakeAt(due, () => {
      if (this.#cohort === cohort) this.#cohort = undefined;
      if (waiting.size === 0) return;
      if (this.#clock.now() - due < LATE) end();
      else disarm = this.#wakeAt(this.#clock.now() + LATE, end);
    });
    const end = (): void => {
      for (const each of waiting) each();
      waiting.clear();
    };
    const cohort: Cohort = { began, waiting, disarm: () => disarm() };
    return cohort;
  }

  #wakeAt(at: Millis, wake: () => void): () => void {
    return this.#clock.wakeAt?.(at, wake) ?? wakeByTimer(this.#clock, at, wake);
  }
}
