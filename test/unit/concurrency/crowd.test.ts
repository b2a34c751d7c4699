import { createSemaphore } from 'headgate';
import { manualClock } from 'headgate/testing';
import { describe, expect, it } from 'vitest';
import { countedSignal } from '../../fixtures/signals.ts';

/** A permutation of 0 to n - 1 that is the same every time. */
function shuffled(n: number): number[] {
  const numbers = Array.from({ length: n }, (_, i) => i);
  let state = 42;
  for (let i = n - 1; i > 0; i--) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    const j = state % (i + 1);
    [numbers[i], numbers[j]] = [numbers[j] ?? 0, numbers[i] ?? 0];
  }
  return numbers;
}

describe('a crowd', () => {
  it('should serve 50,000 waiters in order after 50,000 others between them have gone, and leave nothing behind', async () => {
    const n = 100_000;
    const clock = manualClock();
    const semaphore = createSemaphore({ quota: 10, queue: { size: n, timeout: '1h' }, clock });
    const patient = countedSignal();
    const leaving = shuffled(n).slice(0, n / 2);
    const controllers = new Map(leaving.map((i) => [i, new AbortController()]));
    const blocker = semaphore.tryAcquire('k', { permits: 10 });

    const endings = new Uint8Array(n);
    const served: number[] = [];
    let aborted = 0;
    const all = Array.from({ length: n }, async (_, i) => {
      const signal = controllers.get(i)?.signal ?? patient.signal;
      try {
        using admission = await semaphore.acquire('k', { signal });
        if (admission.allowed) served.push(i);
      } catch (reason) {
        if (reason === 'gone') aborted++;
      }
      endings[i] = (endings[i] ?? 0) + 1;
    });
    expect([semaphore.waiting('k'), patient.listeners, patient.added]).toEqual([n, 1, 1]);

    for (const i of leaving) controllers.get(i)?.abort('gone');
    expect(semaphore.waiting('k')).toBe(n / 2);
    blocker.release();
    await Promise.all(all);

    expect([aborted, served.length]).toEqual([n / 2, n / 2]);
    expect(endings.every((count) => count === 1)).toBe(true);
    expect(served.every((i, place) => place === 0 || i > (served[place - 1] ?? 0))).toBe(true);
    expect(semaphore.stats()).toMatchObject({ keys: 0, waiting: 0, granted: n / 2 + 1, released: n / 2 + 1 });
    expect([patient.listeners, clock.nextWake]).toEqual([0, undefined]);
  });
});
