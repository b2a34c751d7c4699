// Stands for a Lambda function: each line of its input is one invocation, answered by one line. Between two of them it may
// be stopped at any instant, for any time. What it keeps, it keeps in the module.
import { createInterface } from 'node:readline';
import { createEngine } from 'headgate';

const POLICY = {
  version: 1,
  limits: {
    reads: { algorithm: 'fixed-window', quota: 5, window: '1h', per: 'key' },
    steady: { algorithm: 'token-bucket', quota: 50, window: '1s', burst: 5, per: 'key' },
    calls: { algorithm: 'concurrency', quota: 2, per: 'key', lease: '300ms' },
    jobs: { algorithm: 'concurrency', quota: 1, per: 'key', lease: '1h' },
  },
  groups: {
    read: { limits: ['reads'] },
    steady: { limits: ['steady'] },
    call: { limits: ['calls'] },
    job: { limits: ['jobs'], queue: { size: 1, timeout: '100ms' } },
  },
  unmatched: 'deny',
};

let offset = 0;
const [saved] = process.argv.slice(2);
const engine = createEngine(POLICY, {
  clock: { now: () => Date.now() + offset },
  ...(saved && { restore: new Uint8Array(Buffer.from(saved, 'base64')) }),
});
const lost = [];
engine.on('lease-expired', ({ fence }) => lost.push(fence));
const held = new Map();

const invocations = {
  /** Asks until it is denied, at most ten times. */
  spend({ group, key }) {
    const decisions = [];
    do decisions.push(engine.tryAcquire({ group, key }));
    while (decisions.at(-1).allowed && decisions.length < 10);
    const instants = decisions.map(({ at }) => at);
    return {
      allowed: decisions.filter(({ allowed }) => allowed).length,
      from: instants[0],
      to: instants.at(-1),
    };
  },
  one: ({ group, key }) => ({ allowed: engine.tryAcquire({ group, key }).allowed }),
  hold({ group, key }) {
    const admission = engine.tryAcquire({ group, key });
    const { allowed, fence, expiresAt, signal } = admission;
    if (allowed) held.set(fence, { admission, signal });
    return { allowed, fence, expiresAt };
  },
  release: ({ fence }) => ({ released: held.get(fence).admission.release() }),
  wait: async ({ group, key }) => ({ reason: (await engine.acquire({ group, key })).reason }),
  told: () => ({
    lost,
    aborted: [...held.values()].map(({ signal }) => signal.aborted),
    stats: engine.stats(),
  }),
  jump({ by }) {
    offset += by;
    return {};
  },
  snapshot: () => ({ bytes: Buffer.from(engine.snapshot()).toString('base64') }),
};

createInterface({ input: process.stdin }).on('line', async (line) => {
  const { id, name, event } = JSON.parse(line);
  console.log(JSON.stringify({ id, ...(await invocations[name](event)) }));
});
