/** A clock that stands still until it is set, for packages that read the machine's. */

/** The beginning of an aligned minute. */
export const START = 1_700_000_040_000;

/** Runs `work` while `Date` and `performance.now` show what `set` was last given, from {@link START} on. */
export async function onAClock<T>(work: (set: (now: number) => void) => Promise<T>): Promise<T> {
  const RealDate = Date;
  let now = START;
  globalThis.Date = class extends RealDate {
    constructor(...args: [] | [value: number]) {
      super(...(args.length === 0 ? ([now] as const) : args));
    }
    static override now(): number {
      return now;
    }
  } as DateConstructor;
  performance.now = () => now - START;
  try {
    return await work((next) => {
      now = next;
    });
  } finally {
    globalThis.Date = RealDate;
    Reflect.deleteProperty(performance, 'now');
  }
}
