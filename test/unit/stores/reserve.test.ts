import { manualClock, type PolicyDocument } from 'headgate';
import { createDistributedEngine } from 'headgate/distributed';
import { describe, expect, it } from 'vitest';
import { type MemoryOptions, MemoryStore } from '../../fixtures/memory-store.ts';

const policy = {
  version: 1,
  limits: {
    keys: { algorithm: 'fixed-window', quota: 3, window: '1h', per: 'apiKey' },
    commands: { algorithm: 'fixed-window', quota: 2, window: '1h', per: 'call' },
    total: { algorithm: 'fixed-window', quota: 4, window: '1h' },
    lines: { algorithm: 'concurrency', quota: 1, per: 'number', lease: '1m' },
    calls: { algorithm: 'concurrency', quota: 2, per: 'account', lease: '1m' },
    tried: { algorithm: 'fixed-window', quota: 1, window: '1h', per: 'region', mode: 'shadow' },
  },
  groups: {
    say: { limits: ['keys', 'commands'] },
    any: { limits: ['total', 'keys'] },
    dial: { limits: ['calls', 'lines', 'keys'], queue: { size: 5 } },
    take: { limits: ['calls', 'lines', 'keys'] },
    try: { limits: ['keys', 'tried'] },
  },
  unmatched: 'deny',
  crossSlot: 'reserve',
} as const satisfies PolicyDocument;

const who = { apiKey: 'k', call: 'c', account: 'a', number: 'n', region: 'eu' };

function setUp(options: Partial<MemoryOptions> = {}) {
  const clock = manualClock(1_760_000_000_000);
  const sent: string[] = [];
  const store = new MemoryStore({
    clock,
    ...options,
    onSend: (call) => {
      sent.push(`${call.what} ${call.slot.replace(/^p:\{(\w+).*/, '$1')}`);
      return options.onSend?.(call);
    },
  });
  const engine = createDistributedEngine(policy, { store, clock });
  return { clock, store, engine, sent };
}
describe('a request whose limits are in several slots', () => {
  it('should be asked slot by slot, what all share at last', async () => {
    const { engine, sent } = setUp();
    expect((await engine.check({ group: 'say', ...who })).allowed).toBe(true);
    expect((await engine.check({ group: 'any', ...who })).allowed).toBe(true);
    expect(sent).toEqual(['charge apiKey', 'charge call', 'charge apiKey', 'charge all']);
  });
});
