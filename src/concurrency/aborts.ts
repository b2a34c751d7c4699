/** Who gives up on an abort. */
export interface Abortable {
  onAbort(): void;
}

/**
 * Who wants to hear of an abort. However many wait under one signal, it gets one listener: signals look through all of
 * theirs whenever one is added.
 */
export class Aborts {
  readonly #bySignal = new Map<AbortSignal, Watch>();
  readonly #together: (leave: () => void) => void;

  /** @param together - what those who leave by one signal leave behind is handed out when all of them have left */
  constructor(together: (leave: () => void) => void) {
    this.#together = together;
  }

  /** Has {@link Abortable.onAbort} called once, when the signal is aborted. */
  add(signal: AbortSignal, waiter: Abortable): void {
    const watch = this.#bySignal.get(signal) ?? this.#watch(signal);
    watch.waiting.add(waiter);
  }

  /** Calls it off; without anybody left, the signal is left alone. */
  remove(signal: AbortSignal, waiter: Abortable): void {
    const watch = this.#bySignal.get(signal);
    if (watch?.waiting.delete(waiter) && watch.waiting.size === 0) this.#leave(signal, watch);
  }

  #watch(signal: AbortSignal): Watch {
    const waiting = new Set<Abortable>();
    const onAbort = (): void => {
      // The listener is gone by itself.
      this.#bySignal.delete(signal);
      this.#together(() => {
        for (const waiter of waiting) waiter.onAbort();
      });
    };
    const watch: Watch = { waiting, onAbort };
    this.#bySignal.set(signal, watch);
    signal.addEventListener('abort', onAbort, { once: true });
    return watch;
  }

  #leave(signal: AbortSignal, { onAbort }: Watch): void {
    this.#bySignal.delete(signal);
    signal.removeEventListener('abort', onAbort);
  }
}

interface Watch {
  readonly waiting: Set<Abortable>;
  readonly onAbort: () => void;
}
