import type { Settings } from './share.ts';

const POLICY = {
  version: 1,
  limits: {
    reads: { algorithm: 'token-bucket', quota: 60, window: '1m', burst: 20, per: 'apiKey' },
    minute: { algorithm: 'sliding-window', quota: 50, window: '1m', per: 'apiKey' },
    jobs: { algorithm: 'concurrency', quota: 3, per: 'apiKey', lease: '5m' },
  },
  groups: {
    read: { match: ['GET /v1/**'], limits: ['reads', 'minute'] },
    job: { match: ['POST /v1/jobs'], limits: ['jobs'], queue: { size: 10, timeout: '30s' } },
  },
  unmatched: 'deny',
  denial: { quota: { body: { error: 'slow down', retry_after: '{retryAfter}' } } },
};

/** How the playground begins. */
export const START: Settings = {
  policy: JSON.stringify(POLICY, null, 2).replace(
    /\[\s+("[^\]]*")\s+\]/g,
    (_, inside: string) => `[${inside.replace(/\s+/g, ' ')}]`,
  ),
  workload: 'poisson',
  group: 'read',
  rate: 2,
  keys: 1,
  speed: 5,
  hold: 3,
};
