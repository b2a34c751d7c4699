/** The comparison over real traffic, and over more of it than would fit into memory. */

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { appendFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Comparison } from 'headgate/lab';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Folder, makeFolder, run } from '../fixtures/command-line.ts';
import { program } from '../fixtures/program.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const APACHE = `${root}../shared/traces/apache-access.log`;
const LLM = `${root}../shared/traces/llm-requests-code.csv`;
const isMissing = !existsSync(APACHE) || !existsSync(LLM);
const isSkipped = isMissing && process.env.CI !== 'true';
if (isSkipped) console.warn('skipped: the traces in ../shared/traces are not here');

const inProcess = promisify(execFile);

/** Seconds of work, whatever else the machine has to do meanwhile. */
function secondsSince(began: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(began);
  return (user + system) / 1e6;
}

let folder: Folder;
beforeAll(async () => {
  folder = await makeFolder();
});
afterAll(() => folder.remove());

const TEN =
  'exact-log,fixed-window,fixed-window:epoch,sliding-window,token-bucket,token-bucket:50%,token-bucket:25%,' +
  'token-bucket:10%,token-bucket:5%,token-bucket:1%';

describe.skipIf(isSkipped)('both traces, ten contenders', () => {
  const cases: [string, string[], number][] = [
    [
      'access log',
      ['--trace', APACHE, '--partition', 'ip=address', '--quota', '20', '--retries', 'honour'],
      10_000,
    ],
    [
      'token counts',
      [
        '--trace',
        LLM,
        '--at',
        'TIMESTAMP',
        '--cost',
        'tokens=ContextTokens+GeneratedTokens',
        '--quota',
        '600000',
      ],
      8819,
    ],
  ];

  it.each(cases)(
    'should be measured in under a minute, and alike each time: %s',
    async (_title, argv, arrivals) => {
      const compared = async () => run('compare', ...argv, '--window', '1m', '--algorithms', TEN, '--json');
      const began = process.cpuUsage();
      const first = await compared();
      expect(secondsSince(began)).toBeLessThan(30);
      expect((await compared()).stdout).toBe(first.stdout);

      const { workload, contenders } = JSON.parse(first.stdout) as Comparison;
      expect(workload.arrivals).toBe(arrivals);
      expect(contenders).toHaveLength(10);
      const [log, first_, epoch, sliding, ...buckets] = contenders;
      expect(log).toMatchObject({ wronglyAdmitted: 0, wronglyDenied: 0 });
      expect(log?.window?.ratio).toBeLessThanOrEqual(1);
      expect(first_?.window?.ratio).toBeLessThan(2);
      expect(epoch?.window?.ratio).toBeLessThanOrEqual(2);
      for (const { share, peak } of sliding?.peaks ?? []) {
        if (share <= 1) expect(peak?.ratio).toBeLessThanOrEqual(1 + share);
      }
      // A token bucket grants its burst and what drips in meanwhile.
      const shares = [1, 0.5, 0.25, 0.1, 0.05, 0.01];
      buckets.forEach(({ window, denied }, i) => {
        const quota = window?.quota ?? 0;
        const burst = Math.max(1, Math.round((shares[i] as number) * quota));
        expect(window?.units).toBeLessThanOrEqual(burst + quota);
        expect(denied).toBeGreaterThanOrEqual(buckets[i - 1]?.denied ?? 0);
      });
      for (const { arrivals: asked, admitted, gaveUp } of contenders) expect(admitted + gaveUp).toBe(asked);
    },
  );
});

describe('a million arrivals', () => {
  it.each(['poisson', 'zipf', 'key-flood'])(
    'should take a contender less than ten seconds: %s',
    async (workload) => {
      // Of a flood, half are its one client's.
      const length = workload === 'key-flood' ? '500s' : '1000s';
      const traffic = ['--workload', workload, '--rate', '1000', '--length', length, '--keys', '1000'];
      const began = process.cpuUsage();
      const { stdout } = await run(
        'compare',
        ...traffic,
        ...['--quota', '50', '--window', '1m', '--algorithms', 'token-bucket', '--json'],
      );
      expect(secondsSince(began)).toBeLessThan(10);
      const { workload: replayed, contenders } = JSON.parse(stdout) as Comparison;
      expect(Math.abs(replayed.arrivals - 1e6)).toBeLessThan(5000);
      expect(contenders[0]?.denied).toBeGreaterThan(0);
    },
  );
});

describe('a log that is larger than the memory there is', () => {
  const command = program('src/cli/bin.ts');

  it('should be compared all the same', async () => {
    const log = await folder.write('long.csv', 'time,ip,agent\n');
    const agent = 'x'.repeat(100);
    for (let piece = 0; piece < 60; piece++) {
      const lines = Array.from({ length: 10_000 }, (_, i) => {
        const at = 1_600_000_000 + piece * 1000 + Math.floor(i / 10);
        return `${at},10.0.${i % 7}.${(piece * 13 + i) % 250},${agent}\n`;
      });
      await appendFile(log, lines.join(''));
    }
    // 600,000 lines of 125 bytes are 75 MB; read at once, they would be several times that.
    const { stdout } = await inProcess(
      process.execPath,
      [
        '--max-old-space-size=48',
        command,
        ...['compare', '--trace', log, '--partition', 'ip', '--quota', '5', '--window', '1h', '--json'],
        ...['--algorithms', 'exact-log,token-bucket'],
      ],
      { timeout: 120_000, maxBuffer: 2 ** 24 },
    );
    const { workload, contenders } = JSON.parse(stdout) as Comparison;
    expect(workload.arrivals).toBe(600_000);
    expect(contenders[0]?.denied).toBeGreaterThan(100_000);
  }, 180_000);
});
