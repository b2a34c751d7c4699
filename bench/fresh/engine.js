import { createEngine } from '../../dist/index.js';

const engine = createEngine({
  version: 1,
  limits: {
    reads: { algorithm: 'fixed-window', quota: 600, window: '1m', per: 'apiKey' },
    writes: { algorithm: 'token-bucket', quota: 120, window: '1m', burst: 20, per: 'apiKey' },
  },
  groups: {
    read: { match: ['GET /v1/**'], limits: ['reads'] },
    write: { match: ['POST|PUT|PATCH|DELETE /v1/**'], limits: ['writes'] },
  },
  tiers: { free: { writes: 60 }, pro: { writes: { quota: 600, burst: 100 } } },
  defaultTier: 'free',
  unmatched: 'deny',
});
if (!engine.check({ method: 'POST', path: '/v1/calls', apiKey: 'key_42' }).allowed) process.exitCode = 1;
