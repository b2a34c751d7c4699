/**
 * `headgate diff` over real traffic, against a recount that shares no code with it: it reads the file its own way, and
 * decides by the definition of a fixed window that begins with its first request.
 */

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Folder, makeFolder, run } from '../fixtures/command-line.ts';

const APACHE = fileURLToPath(new URL('../../../shared/traces/apache-access.log', import.meta.url));
const isSkipped = !existsSync(APACHE) && process.env.CI !== 'true';
if (isSkipped) console.warn('skipped: the trace ../shared/traces/apache-access.log is not here');

interface Asked {
  readonly at: number;
  readonly ip: string;
  readonly path: string;
}

/** At most `quota` requests in a window, which begins with the first request that the one before does not cover. */
interface Rule {
  readonly quota: number;
  readonly window: number;
}

let folder: Folder;
let requests: Asked[];
beforeAll(async () => {
  folder = await makeFolder();
  if (isSkipped) return;
  const lines = (await readFile(APACHE, 'utf8')).trimEnd().split('\n');
  requests = lines.map(readLine);
  requests.sort((a, b) => a.at - b.at);
});
afterAll(() => folder.remove());

/** By position: the address is the first word, the time what stands in the first brackets, the path the third word after. */
function readLine(line: string): Asked {
  const [date = '', ...clock] = line.slice(line.indexOf('[') + 1, line.indexOf(']')).split(':');
  const at = Date.parse(`${date.replaceAll('/', ' ')} ${clock.join(':')}`);
  const path = line.slice(line.indexOf(']')).split(' ')[2] ?? '';
  return { at, ip: line.slice(0, line.indexOf(' ')), path };
}

/** For each request, whether the rule admits it, each address by itself. */
function verdicts({ quota, window }: Rule): boolean[] {
  const windows = new Map<string, { start: number; used: number }>();
  return requests.map(({ at, ip }) => {
    const kept = windows.get(ip);
    const own = kept !== undefined && at < kept.start + window ? kept : { start: at, used: 0 };
    if (own.used >= quota) return false;
    own.used += 1;
    windows.set(ip, own);
    return true;
  });
}

function policyOf({ quota, window }: Rule): object {
  return {
    version: 1,
    limits: { 'per-address': { algorithm: 'fixed-window', quota, window, per: 'ip' } },
    groups: { site: { match: ['* /**'], limits: ['per-address'] } },
    unmatched: 'deny',
  };
}

describe.skipIf(isSkipped)('over 10,000 requests of a web server', () => {
  it.each<[Rule, Rule]>([
    [
      { quota: 60, window: 60_000 },
      { quota: 20, window: 60_000 },
    ],
    [
      { quota: 10, window: 60_000 },
      { quota: 60, window: 60_000 },
    ],
    [
      { quota: 20, window: 60_000 },
      { quota: 3, window: 7000 },
    ],
  ])('should agree with the recounts of %j and %j', async (before, after) => {
    const [was, is] = [verdicts(before), verdicts(after)];
    const byKey = new Map<string, { newlyDenied: number; newlyAllowed: number }>();
    requests.forEach(({ ip }, i) => {
      if (was[i] === is[i]) return;
      const key = byKey.get(ip) ?? { newlyDenied: 0, newlyAllowed: 0 };
      byKey.set(ip, key);
      key[was[i] ? 'newlyDenied' : 'newlyAllowed'] += 1;
    });
    const changed = [...byKey.values()];
    const shift = {
      before: was.filter((isAllowed) => !isAllowed).length,
      after: is.filter((isAllowed) => !isAllowed).length,
      newlyDenied: changed.reduce((sum, { newlyDenied }) => sum + newlyDenied, 0),
      newlyAllowed: changed.reduce((sum, { newlyAllowed }) => sum + newlyAllowed, 0),
    };
    expect(shift.newlyDenied + shift.newlyAllowed).toBeGreaterThan(100);

    const { code, stdout, stderr } = await run(
      ...[
        'diff',
        await folder.write('old.json', policyOf(before)),
        await folder.write('new.json', policyOf(after)),
      ],
      ...[APACHE, '--partition', 'ip=address', '--json'],
    );
    expect([code, stderr]).toEqual([0, '']);
    const { keys, ...log } = JSON.parse(stdout).log;
    expect(log).toEqual({
      requests: 10_000,
      unparsed: 0,
      moved: 0,
      denied: shift,
      groups: { site: shift },
      limits: { 'per-address': shift },
      affectedKeys: byKey.size,
      span: { from: '2015-05-17T10:05:00.000Z', to: '2015-05-20T21:05:59.000Z' },
    });
    const extents = changed.map((key) => key.newlyDenied + key.newlyAllowed).sort((a, b) => b - a);
    for (const [i, { key, ...counts }] of keys.entries()) {
      expect(counts).toEqual(byKey.get(key.ip));
      expect(counts.newlyDenied + counts.newlyAllowed).toBe(extents[i]);
    }
    expect(keys).toHaveLength(Math.min(10, byKey.size));
  });

  it('should tell where requests go that a new group takes over', async () => {
    const old = policyOf({ quota: 60, window: 60_000 }) as { groups: object };
    const files = { match: ['* /files/**'], limits: ['per-address'] };
    const { stdout } = await run(
      ...['diff', await folder.write('old.json', old)],
      await folder.write('new.json', { ...old, groups: { ...old.groups, files } }),
      ...[APACHE, '--partition', 'ip=address', '--json'],
    );
    const taken = requests.filter(({ path }) => /^\/files(?:[/?]|$)/i.test(path)).length;
    expect(taken).toBeGreaterThan(100);
    expect(JSON.parse(stdout).log).toMatchObject({ moved: taken, keys: [], denied: { newlyDenied: 0 } });
  });
});
