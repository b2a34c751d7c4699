/** Several processes on one server that take units ahead: what is admitted in all, and what it costs. */

import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { createDistributedEngine } from 'headgate/distributed';
import { redisStore } from 'headgate/redis';
import { describe, expect, it } from 'vitest';
import { program } from '../../fixtures/program.ts';
import { ioredis, lacksServer, startServer } from '../../fixtures/redis.ts';
import { type Grant, HOT_KEYS, type HotReport, hot, WINDOW } from '../../fixtures/redis-hot.ts';

describe.skipIf(lacksServer())('processes that take units ahead', async () => {
  const server = lacksServer() ? undefined : await startServer();
  const port = server?.port ?? 0;
  const look = ioredis(port);
  const worker = program('test/fixtures/redis-hot-worker.ts');

  /** Four processes that ask for the same keys at once. */
  async function together(group: string, length: number): Promise<HotReport[]> {
    const workers = Array.from({ length: 4 }, () =>
      spawn(process.execPath, [worker, group, `${port}`, group, `${length}`], {
        stdio: ['ignore', 'pipe', 'inherit'],
      }),
    );
    const outputs = await Promise.all(workers.map(({ stdout }) => text(stdout)));
    const reports = outputs.map((output) => JSON.parse(output) as HotReport);
    const local = reports.reduce((sum, { sources }) => sum + (sources.local ?? 0), 0);
    // Otherwise it has shown nothing.
    expect(local).toBeGreaterThan(50);
    for (const { sources } of reports) expect(sources.fallback).toBe(0);
    return reports;
  }

  const grantsOf = (reports: readonly HotReport[], key: string): Grant[] =>
    reports.flatMap(({ grants }) => grants[key] ?? []);

  it.each([
    ['aligned', 0],
    ['own', 0],
    // All of it is back when the next window is over, too.
    ['slides', WINDOW - 1],
  ])(
    'should admit at most the quota in any window: %s',
    async (group, later) => {
      const reports = await together(group, 4000);
      for (const key of HOT_KEYS) {
        const byWindow = new Map<number, number>();
        for (const [from, , resetAt] of grantsOf(reports, key)) {
          const end = resetAt - later;
          byWindow.set(end, (byWindow.get(end) ?? 0) + 1);
          expect(from).toBeLessThan(end);
        }
        expect(byWindow.size).toBeGreaterThan(4);
        expect(Math.max(...byWindow.values())).toBeLessThanOrEqual(200);
        expect(Math.max(...byWindow.values())).toBeGreaterThan(150);
      }
    },
    60_000,
  );

  it('should admit at most the burst and what has dripped, in any interval', async () => {
    const reports = await together('drips', 4000);
    const { quota, burst } = hot.limits.drips;
    for (const key of HOT_KEYS) {
      const grants = grantsOf(reports, key).sort((a, b) => a[1] - b[1]);
      expect(grants.length).toBeGreaterThan(250);
      for (const [from] of grants) {
        let within = 0;
        for (const [begin, end] of grants) {
          if (begin < from) continue;
          within++;
          const most = burst + Math.floor((quota * (end - from + 1)) / WINDOW);
          if (within > most) expect.fail(`${within} in ${end - from} ms`);
        }
      }
    }
  }, 120_000);

  it('should admit all of the quota but for the price that is told', async () => {
    const reports = await together('once', 8000);
    const counts = reports.map(({ prefetched }) => prefetched.once);
    const lapsed = counts.reduce((sum, each) => sum + (each?.lapsed ?? 0), 0);
    let lost = 0;
    for (const key of HOT_KEYS) {
      const admitted = grantsOf(reports, key).length;
      const row = (await look.get(`once:{key=${key}}`)) ?? '';
      const used = Number(/ once\.\w+\.start,used=\d+,(\d+)/.exec(row)?.[1]);
      expect(used).toBeLessThanOrEqual(5000);
      lost += used - admitted;
      // What was given back is there for whoever comes then.
      const engine = createDistributedEngine(hot, {
        store: redisStore({ client: look, prefix: 'once' }),
        deadline: '20s',
      });
      let more = 0;
      while ((await engine.check({ group: 'once', key })).allowed) more++;
      await engine.returnPrefetched();
      expect(admitted + more).toBeLessThanOrEqual(5000);
      expect(admitted + more).toBeGreaterThanOrEqual(5000 - lapsed);
    }
    expect(lost).toBe(lapsed);
  }, 60_000);
});
