/**
 * Who wants to hear of an abort. However many wait under one signal, it gets one listener: signals look through all of
 * theirs whenever one is added.
 */
export class Aborts {
  readonly #bySignal = new Map<AbortSignal, Watch>();

  /** Has `onAbort` called once, when the signal is aborted. */
  add(signal: AbortSignal, onAbort: () => void): void {
    const watch = this.#bySignal.get(signal) ?? this.#watch(signal);
    watch.waiting.add(onAbort);
  }

  /** Calls it off; without anybody left, the signal is left alone. */
  remove(signal: AbortSignal, onAbort: () => void): void {
    const watch = this.#bySignal.get(signal);
    if (watch?.waiting.delete(onAbort) && watch.waiting.size === 0) this.#leave(signal, watch);
  }

  #watch(signal: AbortSignal): Watch {
    const waiting = new Set<() => void>();
    const onAbort = (): void => {
      this.#leave(signal, watch);
      for (const each of waiting) each();
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
  readonly waiting: Set<() => void>;
  readonly onAbort: () => void;
}
