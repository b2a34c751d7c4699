/** The one site that every server serves, and the limits that are put in front of it. */
import { createEngine, type Engine } from 'headgate';

export const BODY = 'hello\n';
export const KEY_FIELD = 'x-api-key';
export const WINDOW_MS = 3_600_000;
/** Keys of the load; everyone may keep as many. */
export const KEYS = 1000;

/** The fields of `x-ratelimit`, as a server would send them that does no limiting at all. */
export const CONSTANT_FIELDS: readonly (readonly [string, string])[] = [
  ['X-RateLimit-Limit', '1000000'],
  ['X-RateLimit-Remaining', '999999'],
  ['X-RateLimit-Reset', '1700003600'],
];

/** How a server is limited. `bare` and `constant` do not limit; they are what the others are held against. */
export type Guard = 'bare' | 'constant' | 'headgate' | 'peer' | 'rate-limiter-flexible';

/** One fixed window for each key, as the peers have it. */
export function makeEngine(quota: number): Engine {
  return createEngine(
    {
      version: 1,
      limits: { requests: { algorithm: 'fixed-window', quota, window: WINDOW_MS, per: 'apiKey' } },
      groups: { all: { match: ['* /**'], limits: ['requests'] } },
      unmatched: 'deny',
      headers: ['x-ratelimit', 'retry-after'],
    },
    { maxKeys: KEYS },
  );
}

/** Who asks. One value for a repeated field would be a mistake of the client, not of the bench. */
export function keyOf(field: string | readonly string[] | undefined): string {
  return typeof field === 'string' ? field : 'anonymous';
}
