/**
 * Plays work in simulated time: whenever everybody waits, the clock jumps to the next instant that somebody waits for.
 * Hours pass in milliseconds, and nothing is left to chance.
 *
 * @template T
 * @param {import('headgate').ManualClock} clock - the one that the engine and the work go by
 * @param {() => Promise<T>} work
 */
export async function play(clock, work) {
  let isOver = false;
  const end = () => {
    isOver = true;
  };
  const result = work();
  result.then(end, end);
  for (;;) {
    // Everything that can go on without time passing has done so when this comes back.
    await new Promise((resolve) => setImmediate(resolve));
    if (isOver) return result;
    if (clock.nextWake === undefined)
      throw new Error('the work waits for something that time will not bring');
    clock.set(clock.nextWake);
  }
}
