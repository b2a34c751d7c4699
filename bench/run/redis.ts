/**
 * Limits whose usage is in a Redis server: all contenders on the same server, each with a connection of its own, one after
 * the other in short slices, round after round, so that ratios are between neighbours in time.
 */
import type { Redis } from 'ioredis';
import type { CaseResult } from '../case.ts';
import { connect, REMOTE, type RemoteAsk } from '../contenders/redis.ts';
import { loadOf, memoryOf, type RedisServer, startRedis } from './redis-server.ts';
import type { Played, RunOptions } from './rounds.ts';

const ROUNDS = 9;
const SLICE_MS = 400;
const QUICK_MS = 150;
const NEVER_REACHED = 1_000_000_000;
const KEYS = Array.from({ length: 1000 }, (_, i) => `key_${i}`);
const PEERS = ['rate-limiter-flexible', '@upstash/ratelimit'];
const OURS = ['headgate', 'headgate, remember: 0'];

/** Decisions, as fast as they come. */
interface RedisCase {
  readonly id: string;
  readonly row: string;
  readonly entries: readonly string[];
  readonly limits: number;
  readonly quota: number;
  readonly keys: readonly string[];
  readonly inFlight: number;
}

const speed = (id: string, row: string, rest: Partial<RedisCase>): RedisCase => ({
  ...{ id, row, entries: [...OURS, ...PEERS], limits: 1 },
  ...{ quota: NEVER_REACHED, keys: KEYS, inFlight: 1 },
  ...rest,
});

export const REDIS_CASES: readonly RedisCase[] = [
  speed('redis/one/1', 'one limit, 1 in flight', { entries: [...OURS, ...PEERS, 'ping'] }),
  speed('redis/one/64', 'one limit, 64 in flight', { entries: [...OURS, ...PEERS, 'ping'], inFlight: 64 }),
  speed('redis/three/1', 'three limits of one key (peers: one after the other), 1 in flight', { limits: 3 }),
  speed('redis/three/64', 'three limits of one key (peers: one after the other), 64 in flight', {
    ...{ limits: 3, inFlight: 64 },
  }),
  speed('redis/denied', 'a denied key, 1 in flight', {
    ...{ entries: ['headgate', 'headgate, denialCache'], quota: 1, keys: KEYS.slice(0, 1) },
  }),
  speed('redis/prefetch', 'a hot key, 1 in flight', {
    ...{ entries: ['headgate', 'headgate, prefetch'], keys: KEYS.slice(0, 1) },
  }),
];

const TABLE = 'Decisions in Redis';

/** What a decision costs the server, by what it counts. */
const COSTS = [
  { id: 'redis/calls', row: 'calls of scripts', unit: 'per decision' },
  { id: 'redis/commands', row: 'commands, with those of scripts', unit: 'per decision' },
  { id: 'redis/bytes-in', row: 'bytes to the server', unit: 'per decision' },
  { id: 'redis/bytes-out', row: 'bytes from the server', unit: 'per decision' },
  { id: 'redis/busy', row: 'its processor, µs', unit: 'per decision' },
  { id: 'redis/memory-1', row: 'memory of a key with one limit, bytes', unit: 'per key' },
  { id: 'redis/memory-3', row: 'memory of a key with three limits, bytes', unit: 'per key' },
] as const;

/** Ids in the order of the page. */
export const REDIS_IDS: readonly string[] = [
  ...REDIS_CASES.map(({ id }) => id),
  ...REDIS_CASES.map(({ id }) => `${id}/busy`),
  ...COSTS.map(({ id }) => id),
];

export async function playRedis(
  isWanted: (id: string) => boolean,
  options: RunOptions,
  isQuick: boolean,
): Promise<Played> {
  const cases = REDIS_CASES.filter(({ id }) => isWanted(id));
  const costs = COSTS.some(({ id }) => isWanted(id));
  if (cases.length === 0 && !costs) return { cases: [], checksum: 0, isSound: true };
  const server = await startRedis();
  if (server === undefined) {
    options.log('skipped, redis-server is not installed: decisions in Redis');
    return { cases: [], checksum: 0, isSound: true };
  }
  const clients = new Map(Object.keys(REMOTE).map((name) => [name, connect(server.port)]));
  try {
    const faults = await checkAll(clients, options.log);
    const results = [
      ...(await playCases(cases, {
        look: server.look,
        clients,
        faults,
        options,
        ms: isQuick ? QUICK_MS : SLICE_MS,
      })),
      ...(costs ? await playCosts(server, clients, faults) : []).filter(({ id }) => isWanted(id)),
    ];
    const isSound = !Object.keys(faults).some((name) => name.startsWith('headgate'));
    return { cases: results, checksum: results.length, isSound };
  } finally {
    for (const client of clients.values()) client.disconnect();
    server.stop();
  }
}

type Clients = ReadonlyMap<string, Redis>;
type Faults = Readonly<Record<string, string>>;

function open(clients: Clients, name: string, limits: number, quota: number, prefix: string): RemoteAsk {
  const client = clients.get(name);
  const make = REMOTE[name];
  if (client === undefined || make === undefined) throw new Error(`unknown contender ${name}`);
  return make(client, { limits, quota, prefix });
}

/** As many are allowed as the quota says, whether they come one after the other or at once. */
async function checkAll(clients: Clients, log: (line: string) => void): Promise<Faults> {
  const faults: Record<string, string> = {};
  for (const [i, name] of [...clients.keys()].entries()) {
    try {
      if (name === 'ping') continue;
      const ask = open(clients, name, 3, 10, `check${i}`);
      const one: boolean[] = [];
      for (let n = 0; n < 12; n++) one.push(await ask('alone'));
      const all = await Promise.all(Array.from({ length: 64 }, () => ask('together')));
      const [alone, together] = [one, all].map((each) => each.filter(Boolean).length);
      if (one.slice(0, 10).includes(false) || alone !== 10 || together !== 10)
        faults[name] = `allowed ${alone} one by one and ${together} at once, of 10`;
    } catch (error) {
      faults[name] = error instanceof Error ? error.message : String(error);
    }
    log(`redis, ${name}: ${faults[name] ?? 'answers rightly'}`);
  }
  return faults;
}

interface Setup {
  readonly look: Redis;
  readonly clients: Clients;
  readonly faults: Faults;
  readonly options: RunOptions;
  readonly ms: number;
}

async function playCases(
  cases: readonly RedisCase[],
  { look, clients, faults, options, ms }: Setup,
): Promise<CaseResult[]> {
  const results: CaseResult[] = [];
  for (const { id, row, entries, limits, quota, keys, inFlight } of cases) {
    const sound = entries.filter((name) => faults[name] === undefined);
    const asks = sound.map((name, i) =>
      open(clients, name, limits, quota, `${id.replaceAll('/', '.')}.${i}`),
    );
    const empty = (): Record<string, number[]> => Object.fromEntries(sound.map((name) => [name, []]));
    const [values, busy] = [empty(), empty()];
    const play = (ask: RemoteAsk): Promise<Slice> => slice(ask, { look, keys, inFlight, ms });
    for (const ask of asks) await play(ask);
    for (let round = 0; round < (options.rounds ?? ROUNDS); round++) {
      for (let i = 0; i < asks.length; i++) {
        const at = (i + round) % asks.length;
        const [ask, name = ''] = [asks[at], sound[at]];
        if (ask === undefined) continue;
        const took = await play(ask);
        values[name]?.push(took.wall);
        busy[name]?.push(took.busy);
      }
    }
    options.log(`${id}: done`);
    const failed = Object.fromEntries(Object.entries(faults).filter(([name]) => entries.includes(name)));
    const shared = { row, unit: 'µs', reference: 'headgate', date: new Date().toISOString(), faults: failed };
    results.push({ ...shared, id, table: `${TABLE}, time per decision`, values });
    // Steadier where the machine is shared: what the processors do, whoever else runs.
    const both = `${TABLE}, processor time of client and server per decision`;
    results.push({ ...shared, id: `${id}/busy`, table: both, values: busy });
  }
  return results;
}

/** Microseconds per decision. */
interface Slice {
  readonly wall: number;
  readonly busy: number;
}

interface SliceSetup extends Pick<RedisCase, 'keys' | 'inFlight'> {
  readonly look: Redis;
  readonly ms: number;
}

async function slice(ask: RemoteAsk, { look, keys, inFlight, ms }: SliceSetup): Promise<Slice> {
  let asked = 0;
  const server = (await loadOf(look)).busy;
  const client = process.cpuUsage();
  const began = performance.now();
  const end = began + ms;
  const loop = async (): Promise<void> => {
    while (performance.now() < end) await ask(keys[asked++ % keys.length] ?? '');
  };
  await Promise.all(Array.from({ length: inFlight }, loop));
  const wall = ((performance.now() - began) * 1000) / asked;
  const { user, system } = process.cpuUsage(client);
  return { wall, busy: ((await loadOf(look)).busy - server + user + system) / asked };
}

const COUNTED = 2000;
const STORED = 10_000;

async function playCosts({ look }: RedisServer, clients: Clients, faults: Faults): Promise<CaseResult[]> {
  const names = [...OURS, ...PEERS].filter((name) => faults[name] === undefined);
  const values = new Map<string, Record<string, number[]>>(COSTS.map(({ id }) => [id, {}]));
  const put = (id: string, name: string, value: number): void => {
    const figures = values.get(id);
    if (figures !== undefined) figures[name] = [value];
  };
  for (const name of names) {
    const ask = open(clients, name, 1, NEVER_REACHED, 'cost');
    await look.flushall();
    for (const key of KEYS) await ask(key);
    const before = await loadOf(look);
    for (let i = 0; i < COUNTED; i++) await ask(KEYS[i % KEYS.length] ?? '');
    const after = await loadOf(look);
    put('redis/calls', name, (after.calls - before.calls) / COUNTED);
    put('redis/commands', name, (after.commands - before.commands) / COUNTED);
    put('redis/bytes-in', name, (after.bytesIn - before.bytesIn) / COUNTED);
    put('redis/bytes-out', name, (after.bytesOut - before.bytesOut) / COUNTED);
    put('redis/busy', name, (after.busy - before.busy) / COUNTED);
    for (const limits of [1, 3]) {
      const fill = open(clients, name, limits, NEVER_REACHED, 'headgate');
      await look.flushall();
      await fill('first');
      const empty = await memoryOf(look);
      for (let i = 0; i < STORED; i += 100)
        await Promise.all(Array.from({ length: 100 }, (_, n) => fill(`acct_${100_000 + i + n}`)));
      put(`redis/memory-${limits}`, name, ((await memoryOf(look)) - empty) / STORED);
    }
  }
  const shared = { table: `${TABLE}, what they cost the server`, reference: 'headgate' };
  const date = new Date().toISOString();
  return COSTS.map((each) => ({ ...shared, ...each, date, values: values.get(each.id) ?? {}, faults: {} }));
}
