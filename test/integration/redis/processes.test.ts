/** Several processes on one server: what is admitted in all, and what becomes of those that die. */

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ioredis, lacksServer, startServer } from '../../fixtures/redis.ts';
import { KEYS } from '../../fixtures/redis-shared.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'headgate-processes-'));
const program = join(folder, 'worker.mjs');
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe.skipIf(lacksServer())('processes that share a server', async () => {
  const server = lacksServer() ? undefined : await startServer();
  const port = server?.port ?? 0;
  const look = ioredis(port);
  const children = new Set<ChildProcess>();

  function start(...args: string[]): ChildProcess {
    const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    children.add(child);
    return child;
  }

  beforeAll(async () => {
    // The very esbuild that the package is built with.
    const { build } = createRequire(createRequire(import.meta.url).resolve('tsup'))('esbuild');
    await build({
      entryPoints: [`${root}test/fixtures/redis-worker.ts`],
      ...{
        outfile: program,
        bundle: true,
        platform: 'node',
        format: 'esm',
        target: 'node20',
        logLevel: 'error',
      },
      alias: {
        'headgate/distributed': `${root}src/stores/engine.ts`,
        'headgate/redis': `${root}src/stores/redis/store.ts`,
      },
      banner: {
        js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
      },
    });
  });
  afterAll(() => {
    for (const child of children) child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });

  it('should admit in all exactly what one process would', async () => {
    const workers = Array.from({ length: 8 }, () => start('check', `${port}`, 'exact', '5000'));
    const outputs = await Promise.all(
      workers.map(({ stdout }) => text(stdout as NonNullable<typeof stdout>)),
    );
    const counts = outputs.map((output) => JSON.parse(output) as Record<string, number>);
    const totals = KEYS.map((key) => counts.reduce((sum, each) => sum + (each[key] ?? 0), 0));
    expect(totals).toEqual(KEYS.map(() => 3000));
    for (const key of KEYS)
      expect(await look.get(`exact:{account=${key}}`)).toMatch(/ reads.start,used=\d+,3000( |$)/);
  }, 120_000);

  it('should never hold more than the quota, and get back what those held that were killed', async () => {
    const leases = 'held:{account=x}:calls:leases';
    const live = async (): Promise<number> => {
      const [seconds, micros] = await look.time();
      return look.zcount(leases, `(${Number(seconds) * 1000 + Math.floor(Number(micros) / 1000)}`, '+inf');
    };
    const workers = Array.from({ length: 4 }, () => start('hold', `${port}`, 'held', '0'));
    let most = 0;
    for (let round = 0; round < 4; round++) {
      for (const end = Date.now() + 1000; Date.now() < end; await sleep(10))
        most = Math.max(most, await live());
      workers.shift()?.kill('SIGKILL');
      workers.push(start('hold', `${port}`, 'held', '0'));
    }
    expect(most).toBeLessThanOrEqual(25);
    expect(most).toBeGreaterThan(20);
    for (const worker of workers) worker.kill('SIGKILL');
    await sleep(2100);
    expect(await live()).toBe(0);
  }, 60_000);
});
