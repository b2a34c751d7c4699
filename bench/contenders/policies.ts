/** Whole policies, asked through an engine. */
import {
  createEngine,
  type Decision,
  type Engine,
  type LimitDocument,
  type PolicyDocument,
  rateLimitHeaders,
} from 'headgate';
import type { Setting } from '../case.ts';
import { DENIED, type Subject, seen } from './subject.ts';

type Open = (setting: Setting) => Promise<Subject>;

const GROUPS = 10;

export const POLICIES: Readonly<Record<string, Open>> = {
  /** What a service has: patterns to match, tiers, two limits on one key. */
  tiered: async (setting) => tiered(createEngine(tieredPolicy(setting), { maxKeys: setting.maxKeys })),

  /** The same, while somebody listens, though not to what happens. */
  'tiered-heard': async (setting) => {
    const engine = createEngine(tieredPolicy(setting), { maxKeys: setting.maxKeys });
    for (const event of ['denied', 'reloaded', 'released', 'evicted'] as const) {
      engine.on(event, () => {
        seen.answer = event;
      });
    }
    return tiered(engine);
  },

  /** The same, and its response fields. */
  'tiered-headers': async (setting) => {
    const engine = createEngine(tieredPolicy(setting), { maxKeys: setting.maxKeys });
    return {
      kind: 'sync',
      ask: (key, _now, at) => {
        const path = paths[at % paths.length] as string;
        const decision = engine.check({ method: 'GET', path, apiKey: key, tier: 'pro' });
        seen.answer = rateLimitHeaders(decision, engine.policy);
        return decision.allowed ? decision.remaining : DENIED;
      },
    };
  },

  /** 1 to 16 limits, in a group that the caller names. */
  limits: async (setting) => {
    const { limits, partitions, reads, maxKeys } = setting;
    const engine = createEngine(limitsPolicy(setting), { maxKeys });
    const read = reads === 'limits' ? readAll : readDecision;
    if (partitions === 'one') {
      return { kind: 'sync', ask: (key, now) => read(engine.check({ group: 'all', apiKey: key }, { now })) };
    }
    // The caller's part is the same however many limits there are.
    const fields = Array.from({ length: 16 }, (_, i) => `field${i}`);
    if (limits > fields.length) throw new Error(`${limits} limits, and only ${fields.length} fields`);
    const descriptor: { group: string; [field: string]: string } = { group: 'all' };
    return {
      kind: 'sync',
      ask: (key, now) => {
        for (const field of fields) descriptor[field] = key;
        return read(engine.check(descriptor, { now }));
      },
    };
  },

  /** One limit; 10 to 1,000 patterns, or the group given by the caller. */
  match: async (setting) => {
    const { patterns, paths: count, maxKeys } = setting;
    const engine = createEngine(patternPolicy(setting), { maxKeys });
    if (count === 0) {
      return {
        kind: 'sync',
        ask: (key, now) => readDecision(engine.check({ group: 'group0', apiKey: key }, { now })),
      };
    }
    const all = Array.from({ length: count }, (_, i) => Buffer.from(pathOf(i, patterns)).toString('latin1'));
    return {
      kind: 'sync',
      ask: (key, now, at) => {
        // A stride that shares no factor with the number of paths: all of them come, in no order of patterns.
        const path = all[(at * 7919) % count] as string;
        return readDecision(engine.check({ method: 'GET', path, apiKey: key }, { now }));
      },
    };
  },
};

const paths = Array.from({ length: 1000 }, (_, i) =>
  Buffer.from(`/v1/${i % 2 === 0 ? 'calls' : 'messages'}/${i}`).toString('latin1'),
);

function tiered(engine: Engine<ReturnType<typeof tieredPolicy>>): Subject {
  const tiers = ['free', 'pro'] as const;
  return {
    kind: 'sync',
    ask: (key, _now, at) => {
      const decision = engine.check({
        method: 'GET',
        path: paths[at % paths.length] as string,
        apiKey: key,
        tier: tiers[at & 1] as 'free' | 'pro',
      });
      return readAll(decision);
    },
  };
}

function readDecision(decision: Decision): number {
  seen.answer = decision;
  return decision.allowed ? decision.remaining : DENIED;
}

/** Reads each limit's own result, in case it is only made when somebody asks for it. */
function readAll(decision: Decision): number {
  seen.answer = decision;
  let least = Number.POSITIVE_INFINITY;
  for (const { remaining } of decision.limits) least = Math.min(least, remaining);
  return decision.allowed ? least : DENIED;
}

function tieredPolicy({ quota, windowMs }: Setting) {
  return {
    version: 1,
    limits: {
      minute: { algorithm: 'fixed-window', quota, window: windowMs, per: 'apiKey' },
      second: { algorithm: 'token-bucket', quota, window: windowMs, burst: quota, per: 'apiKey' },
    },
    groups: {
      calls: {
        match: ['GET /v1/calls', 'GET /v1/calls/:call', 'GET /v1/calls/:call/events', 'POST /v1/calls'],
        limits: ['minute', 'second'],
      },
      rest: {
        match: ['GET /v1/messages/:message', 'POST /v1/messages', 'GET /v1/numbers/*', '* /v1/**'],
        limits: ['minute', 'second'],
      },
    },
    tiers: { free: { minute: quota }, pro: { minute: quota, second: { quota, burst: quota } } },
    defaultTier: 'free',
    unmatched: 'deny',
  } as const satisfies PolicyDocument;
}

function limitsPolicy({ limits, partitions, quota, windowMs }: Setting): PolicyDocument {
  const names = Array.from({ length: limits }, (_, i) => `limit${i}`);
  const limit = (i: number): LimitDocument => ({
    algorithm: 'fixed-window',
    quota,
    window: windowMs + i,
    per: partitions === 'one' ? 'apiKey' : `field${i}`,
  });
  return {
    version: 1,
    limits: Object.fromEntries(names.map((name, i) => [name, limit(i)])),
    groups: { all: { limits: names } },
    unmatched: 'deny',
  };
}

function patternPolicy({ patterns, quota, windowMs }: Setting): PolicyDocument {
  const groups = Array.from({ length: GROUPS }, (_, group) => ({
    match: Array.from({ length: patterns / GROUPS }, (_, i) => `GET ${patternOf(i * GROUPS + group)}`),
    limits: ['reads'],
  }));
  return {
    version: 1,
    limits: { reads: { algorithm: 'fixed-window', quota, window: windowMs, per: 'apiKey' } },
    groups: Object.fromEntries(groups.map((group, i) => [`group${i}`, group])),
    unmatched: 'deny',
  };
}

function patternOf(i: number): string {
  const tail = ['/:id', '/:id/items', '/*/status'][i % 3];
  return `/v1/resource${i}${tail}`;
}

/** The i-th path, spread over all patterns. */
function pathOf(i: number, patterns: number): string {
  const pattern = i % patterns;
  return patternOf(pattern).replace(/:id|\*/, String(Math.floor(i / patterns)));
}
