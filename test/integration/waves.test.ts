import { readFileSync } from 'node:fs';
import { createEngine, type Millis, manualClock } from 'headgate';
import { runBatch } from 'headgate/batch';
import { expect, it } from 'vitest';
import { inVirtualTime } from '../fixtures/virtual-time.ts';

/** Seconds that one character stands for. */
const SCALE = 5;
/** Lengths of the calls in seconds: a wave of equals, then some of all kinds. */
const CALLS = [30, 30, 30, 30, 10, 20, 45, 20, 10, 15];
const PERMITS = 3;

async function drawWaves(): Promise<string> {
  const clock = manualClock();
  const engine = createEngine(
    {
      version: 1,
      limits: { calls: { algorithm: 'concurrency', quota: PERMITS } },
      groups: { call: { limits: ['calls'], queue: { size: 1 } } },
      unmatched: 'deny',
    },
    { clock },
  );
  const spans: { start: Millis; end: Millis }[] = [];
  const worker = async (length: number, { index }: { readonly index: number }): Promise<void> => {
    const start = clock.now();
    await clock.sleep(length * 1000);
    spans[index] = { start, end: clock.now() };
  };
  await inVirtualTime(clock, runBatch(engine, CALLS, worker, { descriptor: { group: 'call' } }));
  const width = (from: Millis, to: Millis): number => (to - from) / 1000 / SCALE;
  const rows = spans.map(
    ({ start, end }, i) =>
      `${`call ${i + 1}`.padEnd(8)} ${'.'.repeat(width(0, start))}${'='.repeat(width(start, end))}`,
  );
  const marks = Array.from({ length: Math.ceil(width(0, clock.now()) / 6) + 1 }, (_, i) =>
    `${i * 6 * SCALE} s`.padEnd(6),
  );
  return `${' '.repeat(9)}${marks.join('').trimEnd()}\n${rows.join('\n')}\n`;
}

it('should draw the waves of docs/concurrency.md as they happen', async () => {
  const guide = readFileSync(new URL('../../docs/concurrency.md', import.meta.url), 'utf8');
  const [, figure] = /^```text\n( +0 s[\s\S]*?)^```$/m.exec(guide) ?? [];
  expect(figure).toBe(await drawWaves());
});
