/** The metrics of an engine through the real SDK and its exporter for Prometheus, scraped over HTTP. */

import { readFileSync } from 'node:fs';
import { createEngine, type Engine, manualClock, type PolicyDocument } from 'headgate';
import { createDistributedEngine, type Store } from 'headgate/distributed';
import { instrument } from 'headgate/opentelemetry';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openTarget, type Sample, type Target } from '../fixtures/scrape.ts';

/** In every key, tenant, path and reason that a request brings: none of it may be scraped. */
const SECRET = 'zebra';

const POLICY: PolicyDocument = {
  version: 1,
  limits: {
    reads: { algorithm: 'fixed-window', quota: 4, window: '1m', per: 'apiKey', candidate: { quota: 2 } },
    days: { algorithm: 'sliding-window', quota: 100, window: '1d', per: ['account', 'doc'] },
    calls: { algorithm: 'concurrency', quota: 1, per: 'account', lease: '10s' },
  },
  groups: {
    read: { match: ['GET /docs/:doc'], limits: ['reads', 'days'] },
    call: { limits: ['calls'], queue: { size: 1, timeout: '1m' } },
  },
  unmatched: 'deny',
};
const account = `acct_${SECRET}`;
const call = { group: 'call', account };

let target: Target;
let engine: Engine;
let clock: ReturnType<typeof manualClock>;
beforeEach(async () => {
  target = await openTarget();
  clock = manualClock(1_000_000);
  engine = createEngine(POLICY, { clock, maxKeys: 2, seed: 0 }) as Engine;
});
afterEach(async () => {
  engine.dispose();
  await target.close();
});

function read(apiKey: string): Record<string, string> {
  return { method: 'GET', path: `/docs/doc_${SECRET}`, apiKey: `${apiKey}_${SECRET}`, account };
}

/** Something of everything: decisions of each kind, waits, expiry, evictions, blocks, a reload, a listener that fails. */
async function live(): Promise<void> {
  engine.on('reloaded', () => {
    throw new Error(SECRET);
  });
  for (let i = 0; i < 5; i++) engine.check(read('a'));
  engine.block({ apiKey: `a_${SECRET}` }, { for: '1h', reason: SECRET });
  engine.check(read('a'));
  for (const key of ['b', 'c', 'd', 'e']) engine.check(read(key));
  engine.check({ method: 'GET', path: `/nowhere/${SECRET}`, apiKey: SECRET, account });
  const first = await engine.acquire(call);
  const second = engine.acquire(call);
  expect((await engine.acquire(call)).reason).toBe('queue-full');
  clock.advance('3s');
  first.release();
  await second;
  clock.advance('10s');
  engine.tryAcquire(call);
  engine.reload(POLICY);
  await delivered();
}

/** Events come after the call that caused them. */
function delivered(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function figureOf(
  samples: readonly Sample[],
  name: string,
  labels: Sample['labels'] = {},
): number | undefined {
  return samples.find((sample) => sample.name === name && isEqual(sample.labels, labels))?.value;
}

function isEqual(a: Sample['labels'], b: Sample['labels']): boolean {
  return JSON.stringify(Object.entries(a).sort()) === JSON.stringify(Object.entries(b).sort());
}

describe('a scrape', () => {
  it('should tell what was decided, and how full everything is', async () => {
    instrument(engine, { meter: target.meter });
    await live();
    const samples = await target.samples();
    const decisions = samples.filter(({ name }) => name === 'headgate_decisions_total');
    expect(
      decisions
        .map(({ labels, value }) =>
          [labels.group, labels.outcome, labels.reason, labels.limit, value].join(' '),
        )
        .sort(),
    ).toEqual([
      'call allowed ok calls 3',
      'call denied queue-full calls 1',
      'read allowed ok reads 7',
      'read denied blocked reads 1',
      // The fifth of the first key, and a newcomer who inherits its usage.
      'read denied quota reads 2',
      'unmatched denied unmatched  1',
    ]);
    const { allowed, denied } = engine.stats();
    expect(decisions.reduce((sum, { value }) => sum + value, 0)).toBe(allowed + denied);

    const table: [string, Sample['labels'], number][] = [
      ['headgate_near_limit_total', { group: 'read', limit: 'reads' }, 1],
      ['headgate_near_limit_total', { group: 'call', limit: 'calls' }, 3],
      ['headgate_wait_seconds_count', { group: 'call' }, 1],
      ['headgate_wait_seconds_sum', { group: 'call' }, 3],
      ['headgate_wait_seconds_bucket', { group: 'call', le: '2.5' }, 0],
      ['headgate_wait_seconds_bucket', { group: 'call', le: '5' }, 1],
      ['headgate_queue_length', {}, 0],
      ['headgate_permits_held', { limit: 'calls' }, 1],
      ['headgate_permits_keys', { limit: 'calls' }, 1],
      ['headgate_leases_granted_total', {}, 3],
      ['headgate_leases_expired_total', {}, 1],
      ['headgate_keys', { partition: 'apiKey' }, 2],
      ['headgate_max_keys', { partition: 'apiKey' }, 2],
      ['headgate_blocks', { partition: 'apiKey' }, 1],
      ['headgate_reloads_total', {}, 1],
      ['headgate_listener_errors_total', {}, 1],
      ['headgate_shadow_decisions_total', { limit: 'reads.candidate', verdict: 'would-deny' }, 2],
      ['headgate_shadow_decisions_total', { limit: 'reads.candidate', verdict: 'would-allow' }, 0],
    ];
    expect(table.map(([name, labels]) => [name, labels, figureOf(samples, name, labels)])).toEqual(table);

    const { evicted = 0, joined = 0, inherited } = engine.stats().partitions.apiKey ?? {};
    expect(joined).toBeGreaterThan(0);
    const evictions = (label: string): number | undefined =>
      figureOf(samples, 'headgate_evictions_total', { partition: 'apiKey', joined: label });
    expect([evictions('true'), evictions('false')]).toEqual([joined, evicted - joined]);
    expect(figureOf(samples, 'headgate_inherited_total', { partition: 'apiKey' })).toBe(inherited);
  });

  it('should hold no key, account, path or reason of a block', async () => {
    instrument(engine, { meter: target.meter });
    await live();
    const text = await target.text();
    expect(text).toContain('headgate_decisions_total');
    expect(text).not.toContain(SECRET);
    expect(text).not.toContain('acct');
  });

  it('should show those who wait while they do', async () => {
    instrument(engine, { meter: target.meter });
    const first = await engine.acquire(call);
    const second = engine.acquire(call);
    expect(figureOf(await target.samples(), 'headgate_queue_length')).toBe(1);
    first.release();
    await second;
    expect(figureOf(await target.samples(), 'headgate_queue_length')).toBe(0);
  });

  it('should tell several engines apart by their prefixes, and of each policy after a reload', async () => {
    const other = createEngine({ ...POLICY, limits: { ...POLICY.limits } }, { clock }) as Engine;
    instrument(engine, { meter: target.meter });
    instrument(other, { meter: target.meter, prefix: 'inner' });
    other.check(read('a'));
    const { reads: _, ...limits } = POLICY.limits;
    const read2 = { match: ['GET /docs/:doc'], limits: ['days'] };
    engine.reload({ ...POLICY, limits, groups: { ...POLICY.groups, read: read2 } });
    await delivered();
    const samples = await target.samples();
    const partitions = (prefix: string): unknown[] =>
      samples.filter(({ name }) => name === `${prefix}_keys`).map(({ labels }) => labels.partition);
    expect(partitions('headgate')).toEqual(['account+doc', 'account']);
    expect(partitions('inner')).toContain('apiKey');
    expect(samples.some(({ name }) => name === 'headgate_decisions_total')).toBe(false);
    expect(samples.filter(({ name }) => name === 'inner_decisions_total')).toHaveLength(1);
  });

  it('should tell nothing more once it was stopped, but what cannot change any more', async () => {
    const stop = instrument(engine, { meter: target.meter });
    await live();
    stop();
    stop();
    engine.check(read('a'));
    engine.reload(POLICY);
    await delivered();
    const samples = await target.samples();
    const told = samples.filter(({ name }) => !name.endsWith('_bucket'));
    expect(told.map(({ name, value }) => [name, value])).toEqual([
      ['headgate_reloads_total', 1],
      ['headgate_wait_seconds_count', 1],
      ['headgate_wait_seconds_sum', 3],
    ]);
  });
});

describe('docs/metrics.md', () => {
  it('should list every metric with its labels', async () => {
    instrument(engine, { meter: target.meter });
    await live();
    const other = await openTarget();
    const store = { algorithms: ['fixed-window', 'sliding-window'], decide: () => undefined };
    instrument(createDistributedEngine(POLICY, { store: store as unknown as Store }), { meter: other.meter });
    const samples = [...(await target.samples()), ...(await other.samples())];
    await other.close();
    const found = new Map<string, Set<string>>();
    for (const { name, labels } of samples) {
      const metric = name.replace(/_(?:bucket|sum|count)$/, '');
      const known = found.get(metric) ?? new Set();
      found.set(metric, known);
      for (const label of Object.keys(labels)) if (label !== 'le') known.add(label);
    }
    const text = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8');
    const rows = [...text.matchAll(/^\| `(headgate_\w+)` *\|[^|]*\|([^|]*)\|/gm)];
    const listed = rows.map(([, name, labels = '']) => [
      name,
      [...labels.matchAll(/\w+/g)].map(String).sort(),
    ]);
    expect(Object.fromEntries(listed)).toEqual(
      Object.fromEntries([...found].map(([name, labels]) => [name, [...labels].sort()])),
    );
  });
});

describe('docs/grafana/headgate.json', () => {
  const dashboard = JSON.parse(
    readFileSync(new URL('../../docs/grafana/headgate.json', import.meta.url), 'utf8'),
  );
  const panels: { title: string; targets: { expr: string }[] }[] = dashboard.panels;
  const expressions: [string, string][] = [
    ...panels.flatMap(({ title, targets }) => targets.map(({ expr }): [string, string] => [title, expr])),
    ...dashboard.annotations.list.map(({ name, expr }: { name: string; expr: string }) => [name, expr]),
    ...dashboard.templating.list
      .filter(({ type }: { type: string }) => type === 'query')
      .map(({ name, query }: { name: string; query: string }) => [name, query]),
  ];
  /** What Prometheus or Grafana adds. */
  const ADDED = ['job', 'instance'];

  it('should have a panel for each matter', () => {
    expect(panels.map(({ title }) => title)).toEqual([
      'Decisions by outcome',
      'Denials by limit',
      'Near a limit',
      'Waits, p50 and p99',
      'Queue length',
      'Permits held',
      'Keys',
      'Evictions',
      'Shadow disagreement',
    ]);
    expect(panels.every(({ targets }) => targets.length > 0)).toBe(true);
  });

  it('should ask for nothing but metrics and labels that are scraped', async () => {
    instrument(engine, { meter: target.meter });
    await live();
    const labels = new Map<string, Set<string>>();
    for (const { name, labels: own } of await target.samples()) {
      const known = labels.get(name) ?? new Set(ADDED);
      labels.set(name, known);
      for (const label of Object.keys(own)) known.add(label);
    }
    for (const [title, expression] of expressions) {
      const names = expression.match(/\bheadgate_\w+/g) ?? [];
      expect([title, names.length > 0]).toEqual([title, true]);
      expect([title, names.filter((name) => !labels.has(name))]).toEqual([title, []]);
      const known = names.flatMap((name) => [...(labels.get(name) ?? [])]);
      const grouped = [...expression.matchAll(/\b(?:by|ignoring|on) \(([^)]*)\)/g)].flatMap(([, list = '']) =>
        list.split(/, */),
      );
      const matched = [...expression.matchAll(/(\w+) *(?:=~|!=|!~|=) *"/g)].map(([, label = '']) => label);
      expect([title, [...grouped, ...matched].filter((label) => !known.includes(label))]).toEqual([
        title,
        [],
      ]);
    }
  });

  it('should ask for values of labels that are scraped', async () => {
    instrument(engine, { meter: target.meter });
    await live();
    const samples = await target.samples();
    const values = new Set(
      samples.flatMap(({ labels }) => Object.entries(labels).map((pair) => pair.join('='))),
    );
    const asked = expressions.flatMap(([, expression]) =>
      [...expression.matchAll(/(\w+) *(?:!=|=) *"([^"]*)"/g)].map(([, label, value]) => `${label}=${value}`),
    );
    expect(asked.length).toBeGreaterThan(0);
    expect(asked.filter((pair) => !values.has(pair))).toEqual([]);
  });
});
