/**
 * The command line over real traffic, against recounts that share no code with it: they read the files their own way,
 * keep every admitted request, and decide by the definition of each algorithm.
 */

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Folder, makeFolder, run } from '../fixtures/command-line.ts';

const file = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const policy = (name: string): string => file(`test/fixtures/policies/${name}.json`);
const APACHE = file('../shared/traces/apache-access.log');
const LLM = file('../shared/traces/llm-requests-code.csv');

const isMissing = !existsSync(APACHE) || !existsSync(LLM);
const isSkipped = isMissing && process.env.CI !== 'true';
if (isSkipped) console.warn('skipped: the traces in ../shared/traces are not here');

/** One request as a recount sees it. */
interface Asked {
  readonly at: number;
  readonly key: string;
  readonly cost: number;
}

/** Decides one request by the admitted ones before it, in time order. */
type Rule = (admitted: readonly Asked[], asked: Asked) => boolean;

let folder: Folder;
beforeAll(async () => {
  folder = await makeFolder();
});
afterAll(() => folder.remove());

/** At most `quota` in a window, which begins with the first request that the one before does not cover. */
function fixedWindow(quota: number, window: number): Rule {
  return (admitted, { at, cost }) => {
    let start = Number.NEGATIVE_INFINITY;
    for (const { at } of admitted) if (at >= start + window) start = at;
    if (at >= start + window) return cost <= quota;
    return cost + sum(admitted.filter((past) => past.at >= start)) <= quota;
  };
}

/** previous * (share of its window still covered) + current + cost <= quota, multiplied out. */
function slidingWindow(quota: number, window: number): Rule {
  return (admitted, { at, cost }) => {
    const start = Math.floor(at / window) * window;
    const previous = admitted.filter((past) => past.at >= start - window && past.at < start);
    const current = admitted.filter((past) => past.at >= start);
    const weighted = BigInt(sum(previous)) * BigInt(window - (at - start));
    return weighted + BigInt(sum(current) + cost) * BigInt(window) <= BigInt(quota) * BigInt(window);
  };
}

/** A bucket of `burst` that fills at quota / window, in fractions with the denominator `window`. */
function tokenBucket(quota: number, window: number, burst: number): Rule {
  return (admitted, { at, cost }) => {
    const full = BigInt(burst) * BigInt(window);
    let level = full;
    let last = admitted[0]?.at ?? at;
    for (const past of [...admitted, { at, cost: 0 }]) {
      level += BigInt(past.at - last) * BigInt(quota);
      if (level > full) level = full;
      level -= BigInt(past.cost) * BigInt(window);
      last = past.at;
    }
    return level >= BigInt(cost) * BigInt(window);
  };
}

function sum(requests: readonly Asked[]): number {
  return requests.reduce((total, { cost }) => total + cost, 0);
}

/** How many requests the rule admits, each key by itself. */
function recount(requests: readonly Asked[], rule: Rule): { allowed: number; denied: number } {
  const byKey = new Map<string, Asked[]>();
  let denied = 0;
  for (const asked of requests) {
    const admitted = byKey.get(asked.key) ?? [];
    byKey.set(asked.key, admitted);
    if (rule(admitted, asked)) admitted.push(asked);
    else denied += 1;
  }
  return { allowed: requests.length - denied, denied };
}

function inTimeOrder(requests: readonly Asked[]): Asked[] {
  const numbered = requests.map((asked, i) => ({ asked, i }));
  return numbered.sort((a, b) => a.asked.at - b.asked.at || a.i - b.i).map(({ asked }) => asked);
}

describe.skipIf(isSkipped)('over 10,000 requests of a web server', () => {
  let requests: Asked[];
  beforeAll(async () => {
    const lines = (await readFile(APACHE, 'utf8')).trimEnd().split('\n');
    requests = inTimeOrder(lines.map(readApacheLine));
  });

  /** By position: the address is the first word, and the time what stands in the first brackets. */
  function readApacheLine(line: string): Asked {
    const [date = '', ...clock] = line.slice(line.indexOf('[') + 1, line.indexOf(']')).split(':');
    const at = Date.parse(`${date.replaceAll('/', ' ')} ${clock.join(':')}`);
    return { at, key: line.slice(0, line.indexOf(' ')), cost: 1 };
  }

  const MINUTE = 60_000;
  it.each<[string, Rule]>([
    ['address-fixed-window', fixedWindow(60, MINUTE)],
    ['address-sliding-window', slidingWindow(60, MINUTE)],
    ['address-token-bucket', tokenBucket(60, MINUTE, 60)],
  ])('should agree with the recount of %s', async (name, rule) => {
    const { code, stdout, stderr } = await run(
      ...['simulate', policy(name), APACHE, '--partition', 'ip=address', '--json'],
    );
    expect([code, stderr]).toEqual([0, '']);
    const { allowed, denied } = recount(requests, rule);
    expect(allowed + denied).toBe(10_000);
    expect(JSON.parse(stdout)).toEqual({
      requests: 10_000,
      allowed,
      denied,
      unparsed: 0,
      groups: { site: { allowed, denied } },
      limits: { 'per-address': { denied } },
      keys: 1753,
      span: { from: '2015-05-17T10:05:00.000Z', to: '2015-05-20T21:05:59.000Z' },
    });
  });

  // The trace holds one minute of each hour, so windows never meet. Put end to end, its minutes are steady traffic.
  it.each<[object, Rule]>([
    [{ algorithm: 'fixed-window', quota: 3, window: '1m' }, fixedWindow(3, MINUTE)],
    [{ algorithm: 'fixed-window', quota: 9, window: '7m' }, fixedWindow(9, 7 * MINUTE)],
    [{ algorithm: 'sliding-window', quota: 3, window: '1m' }, slidingWindow(3, MINUTE)],
    [{ algorithm: 'sliding-window', quota: 9, window: '7m' }, slidingWindow(9, 7 * MINUTE)],
    [{ algorithm: 'token-bucket', quota: 3, window: '1m' }, tokenBucket(3, MINUTE, 3)],
    [{ algorithm: 'token-bucket', quota: 7, window: '7m', burst: 2 }, tokenBucket(7, 7 * MINUTE, 2)],
    [{ algorithm: 'token-bucket', quota: 7, window: '100s', burst: 9 }, tokenBucket(7, 100_000, 9)],
  ])('should agree with the recount of %j over its minutes end to end', async (limit, rule) => {
    const dense = requests.map(({ at, ...asked }) => ({
      ...asked,
      at: Math.floor(at / (60 * MINUTE)) * MINUTE + (at % MINUTE),
    }));
    const log = dense.map(({ at, key }) => `${at / 1000},${key},GET,/`);
    const document = JSON.parse(await readFile(policy('address-fixed-window'), 'utf8'));
    const changed = { ...document, limits: { 'per-address': { ...limit, per: 'ip' } } };
    const { stdout } = await run(
      ...['simulate', await folder.write('policy.json', changed)],
      await folder.write('dense.csv', ['time,address,method,path', ...log].join('\n')),
      ...['--partition', 'ip=address', '--json'],
    );
    const expected = recount(dense, rule);
    expect(expected.denied).toBeGreaterThan(1000);
    expect(JSON.parse(stdout)).toMatchObject({ ...expected, unparsed: 0 });
  });
});

describe.skipIf(isSkipped)('over 8,819 requests to a language model', () => {
  it('should agree with a recount that charges both limits or neither', async () => {
    const rows = (await readFile(LLM, 'utf8')).trim().split(/\r\n/).slice(1);
    const requests = rows.map((row): Asked => {
      const [timestamp = '', context, generated] = row.split(',');
      const at = Date.parse(`${timestamp.slice(0, 23).replace(' ', 'T')}Z`);
      return { at, key: 'shared', cost: Number(context) + Number(generated) };
    });
    const tokens = fixedWindow(100_000, 60_000);
    const times = fixedWindow(60, 60_000);
    // Both limits charge the same requests, so one list holds what either has admitted.
    const admitted: Asked[] = [];
    const denied = { any: 0, tokens: 0, requests: 0 };
    for (const asked of inTimeOrder(requests)) {
      const passesTokens = tokens(admitted, asked);
      const passesTimes = times(
        admitted.map((past) => ({ ...past, cost: 1 })),
        { ...asked, cost: 1 },
      );
      if (!passesTokens) denied.tokens += 1;
      if (!passesTimes) denied.requests += 1;
      if (passesTokens && passesTimes) admitted.push(asked);
      else denied.any += 1;
    }
    expect(Math.min(denied.tokens, denied.requests, admitted.length)).toBeGreaterThan(100);

    const { code, stdout, stderr } = await run(
      ...['simulate', policy('llm-shared'), LLM, '--at', 'TIMESTAMP'],
      ...['--cost', 'tokens=ContextTokens+GeneratedTokens', '--json'],
    );
    expect([code, stderr]).toEqual([0, '']);
    expect(JSON.parse(stdout)).toEqual({
      requests: 8819,
      allowed: admitted.length,
      denied: denied.any,
      unparsed: 0,
      groups: { completions: { allowed: admitted.length, denied: denied.any } },
      limits: { tokens: { denied: denied.tokens }, requests: { denied: denied.requests } },
      keys: 1,
      span: { from: '2023-11-16T18:17:03.979Z', to: '2023-11-16T19:14:19.928Z' },
    });
  });
});

describe('over small logs', () => {
  /** 2 a minute for each address, 10 tokens a minute for all, and what a log of CSV rows comes to. */
  async function simulate(rows: readonly string[]): Promise<Record<string, unknown>> {
    const document = {
      version: 1,
      limits: {
        addresses: { algorithm: 'fixed-window', quota: 2, window: '1m', per: 'ip' },
        tokens: { algorithm: 'fixed-window', quota: 10, window: '1m', unit: 'tokens' },
      },
      groups: { all: { limits: ['addresses', 'tokens'] } },
      unmatched: 'deny',
    };
    const { stdout, stderr } = await run(
      ...['simulate', await folder.write('small.json', document)],
      await folder.write('small.csv', ['time,ip,tokens', ...rows].join('\n')),
      ...['--partition', 'ip', '--cost', 'tokens=tokens', '--json'],
    );
    return { ...JSON.parse(stdout), stderr };
  }

  it('should replay lines that are out of order in time order', async () => {
    // Read from top to bottom, the two late requests would leave nothing for the first.
    const rows = ['90,a,1', '60,a,1', '30,a,1', '0,a,1'];
    expect(await simulate(rows)).toMatchObject({ allowed: 4, denied: 0 });
    expect(await simulate(rows.toReversed())).toMatchObject({ allowed: 4, denied: 0 });
    expect(await simulate([...rows, '10,a,1'])).toMatchObject({
      allowed: 4,
      denied: 1,
      limits: { addresses: { denied: 1 }, tokens: { denied: 0 } },
    });
  });

  it('should replay equal instants in file order, also those that are equal to the millisecond', async () => {
    // Whoever comes first: 8 tokens leave no room for 6 and 4, or 6 and 4 leave none for 8.
    expect(await simulate(['0,a,8', '0,b,6', '0,c,4'])).toMatchObject({ allowed: 1, denied: 2 });
    expect(await simulate(['0,b,6', '0,c,4', '0,a,8'])).toMatchObject({ allowed: 2, denied: 1 });
    expect(await simulate(['0.0009,a,8', '0.0001,b,6', '0.0001,c,4'])).toMatchObject({ allowed: 1 });
    expect(await simulate(['0.001,a,8', '0.0001,b,6', '0.0001,c,4'])).toMatchObject({ allowed: 2 });
  });

  it('should charge a request that one limit denies on neither', async () => {
    expect(await simulate(['0,a,9', '1,a,9', '2,a,1', '3,a,1', '4,b,1'])).toMatchObject({
      allowed: 2,
      denied: 3,
      limits: { addresses: { denied: 1 }, tokens: { denied: 3 } },
      keys: 3,
    });
  });

  it.skipIf(isSkipped)('should name each corrupted line and count the others', async () => {
    const lines = (await readFile(APACHE, 'utf8')).split('\n').slice(0, 1000);
    const corrupted = lines.map((line, i) => {
      if (i === 9) return line.slice(0, 50);
      if (i === 99) return '';
      if (i === 199) return line.replace('/May/', '/Mai/');
      if (i === 299) return line.replace(/^\S+/, '-');
      if (i === 399) return line.replaceAll('"', '');
      if (i === 499) return line.replace(/"GET [^"]*"/, '"-"');
      return line;
    });
    const log = await folder.write('corrupted.log', `${corrupted.join('\n')}\n\n`);
    const { code, stdout, stderr } = await run(
      ...['simulate', policy('address-fixed-window'), log, '--partition', 'ip=address', '--json'],
    );
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ requests: 994, unparsed: 6 });
    const [head, ...named] = stderr.trimEnd().split('\n');
    expect(head).toBe(`${log}: 6 lines could not be read`);
    expect(named.slice(0, 5).map((line) => /^ {2}line (\d+): ./.exec(line)?.[1])).toEqual([
      ...['10', '100', '200', '300', '400'],
    ]);
    expect(named.at(-1)).toBe('  and 1 more');
    expect(
      (await run('simulate', policy('address-fixed-window'), log, '--partition', 'ip=address')).stderr,
    ).toBe(stderr);
  });
});
