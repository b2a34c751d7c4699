import { describe, expect, it } from 'vitest';
import { readResponse } from '../../../src/client/reading.ts';
import { collectBody, readRetryAfterOf } from '../../../src/client/retry-after.ts';

const NOW = Date.UTC(2026, 10, 22, 4);
const EPOCH = NOW / 1000;
type Fields = Record<string, string>;
/** Name, units left, quota and milliseconds to the reset. */
type Row = [name: string, remaining: number, quota?: number | undefined, wait?: number | undefined];

const limitsIn = (fields: Fields): Row[] =>
  readResponse(new Headers(fields), true, NOW).limits.map(({ name, remaining, quota, resetAt }) => [
    name,
    remaining,
    quota,
    resetAt === undefined ? undefined : resetAt - NOW,
  ]);
const waitIn = (fields: Fields, isRefusal = true): number | undefined => {
  const { retryAt } = readResponse(new Headers(fields), isRefusal, NOW);
  return retryAt === undefined ? undefined : retryAt - NOW;
};

describe('limits in the fields of a response', () => {
  it.each<[service: string, fields: Fields, limits: Row[]]>([
    [
      'GitHub',
      {
        'X-RateLimit-Limit': '5000',
        'X-RateLimit-Remaining': '4999',
        'X-RateLimit-Reset': `${EPOCH + 60}`,
        'X-RateLimit-Used': '1',
        'X-RateLimit-Resource': 'core',
      },
      [['x-ratelimit;core', 4999, 5000, 60_000]],
    ],
    [
      'Discord',
      {
        'X-RateLimit-Limit': '5',
        'X-RateLimit-Remaining': '0',
        'X-RateLimit-Reset': `${EPOCH + 1}.500`,
        'X-RateLimit-Reset-After': '1.470',
        'X-RateLimit-Bucket': 'abcd1234',
      },
      [['x-ratelimit;abcd1234', 0, 5, 1_470]],
    ],
    [
      'X',
      { 'x-rate-limit-limit': '900', 'x-rate-limit-remaining': '0', 'x-rate-limit-reset': `${EPOCH + 900}` },
      [['x-rate-limit;900', 0, 900, 900_000]],
    ],
    [
      'Nixflex, Flireo, Laravel',
      { 'X-RateLimit-Limit': '600', 'X-RateLimit-Remaining': '587', 'X-RateLimit-Reset': `${EPOCH + 12}` },
      [['x-ratelimit;600', 587, 600, 12_000]],
    ],
    [
      'Reddit, which has fractions',
      { 'x-ratelimit-remaining': '98.0', 'x-ratelimit-used': '2', 'x-ratelimit-reset': '355' },
      [['x-ratelimit', 98, undefined, 355_000]],
    ],
    [
      'Envoy, @fastify/rate-limit, nestjs',
      { 'x-ratelimit-limit': '100', 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '60' },
      [['x-ratelimit;100', 0, 100, 60_000]],
    ],
    [
      'Kong',
      {
        'X-RateLimit-Limit-Minute': '5',
        'X-RateLimit-Remaining-Minute': '0',
        'RateLimit-Limit': '5',
        'RateLimit-Remaining': '0',
        'RateLimit-Reset': '27',
      },
      [
        ['ratelimit;5', 0, 5, 27_000],
        ['x-ratelimit;minute', 0, 5, undefined],
      ],
    ],
    [
      'Atlassian',
      { 'X-RateLimit-Limit': '40', 'X-RateLimit-Remaining': '0', 'X-RateLimit-Reset': '2026-11-22T04:01Z' },
      [['x-ratelimit;40', 0, 40, 60_000]],
    ],
    [
      'Anthropic',
      {
        'anthropic-ratelimit-requests-limit': '50',
        'anthropic-ratelimit-requests-remaining': '49',
        'anthropic-ratelimit-requests-reset': '2026-11-22T04:00:01Z',
        'anthropic-ratelimit-input-tokens-limit': '20000',
        'anthropic-ratelimit-input-tokens-remaining': '0',
        'anthropic-ratelimit-input-tokens-reset': '2026-11-22T04:00:30Z',
      },
      [
        ['anthropic-ratelimit;input-tokens', 0, 20_000, 30_000],
        ['anthropic-ratelimit;requests', 49, 50, 1_000],
      ],
    ],
    [
      'OpenAI',
      {
        'x-ratelimit-limit-requests': '60',
        'x-ratelimit-remaining-requests': '59',
        'x-ratelimit-reset-requests': '1s',
        'x-ratelimit-limit-tokens': '150000',
        'x-ratelimit-remaining-tokens': '149984',
        'x-ratelimit-reset-tokens': '6m0s',
      },
      [
        ['x-ratelimit;requests', 59, 60, 1_000],
        ['x-ratelimit;tokens', 149_984, 150_000, 360_000],
      ],
    ],
    [
      'BigCommerce-like',
      { 'X-Rate-Limit-Limit': '150', 'X-Rate-Limit-Remaining': '0', 'X-Rate-Limit-Reset': '15000' },
      [['x-rate-limit;150', 0, 150, 15_000]],
    ],
    [
      'BigCommerce',
      {
        'X-Rate-Limit-Requests-Quota': '150',
        'X-Rate-Limit-Requests-Left': '35',
        'X-Rate-Limit-Time-Reset-Ms': '3000',
        'X-Rate-Limit-Time-Window-Ms': '5000',
      },
      [['x-rate-limit;150', 35, 150, 3_000]],
    ],
    [
      'Shopify',
      { 'X-Shopify-Shop-Api-Call-Limit': '40/40' },
      [['x-shopify-shop-api-call-limit', 0, 40, undefined]],
    ],
    [
      'drafts up to -02, with policies in the limit',
      {
        'RateLimit-Limit': '100, 100;w=60, 1000;w=3600',
        'RateLimit-Remaining': '7',
        'RateLimit-Reset': '50',
      },
      [['ratelimit;100', 7, 100, 50_000]],
    ],
    [
      'draft -06',
      {
        'RateLimit-Limit': '100',
        'RateLimit-Remaining': '0',
        'RateLimit-Reset': '50',
        'RateLimit-Policy': '100;w=60',
      },
      [['ratelimit;100', 0, 100, 50_000]],
    ],
    [
      'GitLab, which has Unix seconds in these fields',
      { 'RateLimit-Limit': '60', 'RateLimit-Remaining': '0', 'RateLimit-Reset': `${EPOCH + 20}` },
      [['ratelimit;60', 0, 60, 20_000]],
    ],
    [
      'draft -07',
      { RateLimit: 'limit=100, remaining=50, reset=5', 'RateLimit-Policy': '100;w=60' },
      [['ratelimit', 50, 100, 5_000]],
    ],
    [
      'drafts -08 to -11',
      {
        RateLimit: '"burst";r=50;t=30, "daily";r=0;t=3600',
        'RateLimit-Policy': '"burst";q=100;w=60,"daily";q=1000;w=86400;pk=:YQ==:',
      },
      [
        ['burst', 50, 100, 30_000],
        ['daily', 0, 1000, 3_600_000],
      ],
    ],
    ['a draft that renames', { RateLimit: 'burst;a=50;w=30' }, [['burst', 50, undefined, 30_000]]],
    [
      'no reset: the window is the longest it can take',
      { RateLimit: '"burst";r=0', 'RateLimit-Policy': '"burst";q=100;w=60' },
      [['burst', 0, 100, 60_000]],
    ],
    [
      'permits, which have no reset',
      { RateLimit: '"calls";r=0', 'RateLimit-Policy': '"calls";q=10;w=60;qu="concurrent-requests"' },
      [['calls', 0, 10, undefined]],
    ],
    [
      'two limiters that have both appended',
      {
        'X-RateLimit-Limit': '60, 1000',
        'X-RateLimit-Remaining': '0, 900',
        'X-RateLimit-Reset': `30, ${EPOCH + 99}`,
      },
      [
        ['x-ratelimit;60', 0, 60, 30_000],
        ['x-ratelimit;1000', 900, 1000, 99_000],
      ],
    ],
    [
      'an HTTP date, comma and all',
      { 'X-RateLimit-Remaining': '0', 'X-RateLimit-Reset': 'Sun, 22 Nov 2026 04:01:00 GMT' },
      [['x-ratelimit', 0, undefined, 60_000]],
    ],
    [
      'nothing left, and no reset',
      { 'X-RateLimit-Remaining': '0' },
      [['x-ratelimit', 0, undefined, undefined]],
    ],
    ['a reset alone', { 'X-RateLimit-Reset': '30' }, []],
    ['a negative count', { 'X-RateLimit-Remaining': '-1', 'X-RateLimit-Reset': '30' }, []],
    ['a malformed list', { RateLimit: '"burst";r=50;t=30, "daily";r=' }, []],
    ['a list with a member that lacks its count', { RateLimit: '"burst";r=50;t=30, "daily";t=5' }, []],
    ['a list with a negative reset', { RateLimit: '"burst";r=50;t=-30' }, []],
    ['a count that is a text', { RateLimit: '"burst";r="50"' }, []],
    [
      'a hostile reset',
      { RateLimit: '"burst";r=0;t=999999999999999' },
      [['burst', 0, undefined, 86_400_000]],
    ],
    ['a response from a cache', { RateLimit: '"burst";r=0;t=30', Age: '7' }, []],
    [
      'a response that a cache has just fetched',
      { RateLimit: '"burst";r=0;t=30', Age: '0' },
      [['burst', 0, undefined, 30_000]],
    ],
    ['Stripe, Twilio: no fields', { 'Stripe-Rate-Limited-Reason': 'global-rate' }, []],
  ])('should be read: %s', (_service, fields, limits) => {
    expect(limitsIn(fields)).toEqual(limits.map((row) => [...row, undefined, undefined].slice(0, 4)));
  });

  it("should count Unix times from the response's Date, and times from now from our clock", () => {
    const skew = 3600;
    const fields = (reset: string): Fields => ({
      Date: new Date(NOW + skew * 1000).toUTCString(),
      'X-RateLimit-Remaining': '0',
      'X-RateLimit-Reset': reset,
    });
    expect(limitsIn(fields(`${EPOCH + skew + 30}`))).toEqual([['x-ratelimit', 0, undefined, 30_000]]);
    expect(limitsIn(fields('30'))).toEqual([['x-ratelimit', 0, undefined, 30_000]]);
    expect(limitsIn({ ...fields(`${EPOCH + 30}`), Date: 'yesterday' })).toEqual([
      ['x-ratelimit', 0, undefined, 30_000],
    ]);
  });

  it('should prefer Retry-After to the reset of an empty limit, which is that of the whole quota', () => {
    const fields = { 'Retry-After': '2', RateLimit: '"burst";r=0;t=60, "daily";r=9;t=3600' };
    expect(limitsIn(fields)).toEqual([
      ['burst', 0, undefined, 2_000],
      ['daily', 9, undefined, 3_600_000],
    ]);
  });

  it('should be bounded', () => {
    const many = Array.from({ length: 1000 }, (_, i) => [`x-ratelimit-remaining-n${i}`, '1'] as const);
    expect(readResponse(new Headers(many.map(([a, b]) => [a, b])), true, NOW).limits).toHaveLength(32);
    const list = Array.from({ length: 1000 }, (_, i) => `"n${i}";r=1`).join(', ');
    expect(limitsIn({ RateLimit: list })).toHaveLength(32);
  });
});

describe('Retry-After', () => {
  it.each<[what: string, fields: Fields, wait: number | undefined]>([
    ['seconds', { 'Retry-After': '45' }, 45_000],
    ['a fraction (Shopify)', { 'Retry-After': '2.0' }, 2_000],
    ['nothing', { 'Retry-After': '0' }, 0],
    ['an HTTP date', { 'Retry-After': 'Sun, 22 Nov 2026 04:00:45 GMT' }, 45_000],
    ['an HTTP date of RFC 850', { 'Retry-After': 'Sunday, 22-Nov-26 04:00:45 GMT' }, 45_000],
    ['a past date', { 'Retry-After': 'Fri, 31 Dec 1999 23:59:59 GMT' }, 0],
    [
      "a date by the server's clock",
      { 'Retry-After': 'Fri, 31 Dec 1999 23:59:59 GMT', Date: 'Fri, 31 Dec 1999 23:59:29 GMT' },
      30_000,
    ],
    ['milliseconds (OpenAI)', { 'retry-after-ms': '1234' }, 1_234],
    ['milliseconds and the same in seconds', { 'retry-after-ms': '1234', 'Retry-After': '2' }, 1_234],
    ['milliseconds that contradict: the longer', { 'retry-after-ms': '100', 'Retry-After': '30' }, 30_000],
    ['milliseconds that contradict the other way', { 'retry-after-ms': '30000', 'Retry-After': '1' }, 30_000],
    ['a hostile number', { 'Retry-After': '999999999' }, 86_400_000],
    ['a number that would overflow', { 'Retry-After': '999999999999999' }, 86_400_000],
    ['more digits than that', { 'Retry-After': '9'.repeat(400) }, 86_400_000],
    ['as many digits in milliseconds', { 'retry-after-ms': '9'.repeat(16) }, 86_400_000],
    ['seconds of two: the most', { 'Retry-After': '5, 60,7' }, 60_000],
    ['seconds and something else', { 'Retry-After': '5, soon' }, undefined],
    ['seconds and nothing', { 'Retry-After': '5,' }, undefined],
    ['a Unix time, against the standard', { 'Retry-After': `${EPOCH + 45}` }, 45_000],
    ['a number that would be a Unix time long past', { 'Retry-After': '1000000000' }, 86_400_000],
    ['a negative number', { 'Retry-After': '-1' }, undefined],
    ['no number', { 'Retry-After': 'NaN' }, undefined],
    ['an empty text', { 'Retry-After': '' }, undefined],
    ['none', {}, undefined],
  ])('should be read: %s', (_what, fields, wait) => {
    expect(waitIn(fields)).toBe(wait);
  });

  it('should mean something else where nothing was refused', () => {
    expect(waitIn({ 'Retry-After': '45' }, false)).toBeUndefined();
  });
});

describe('retry_after in a body', () => {
  const read = async (body: string | null, type = 'application/json'): Promise<number | undefined> => {
    const response = new Response(body, { status: 429, headers: { 'content-type': type } });
    const collected = collectBody(response);
    await collected?.ended;
    if (body !== null) expect(await response.text()).toBe(String(body));
    return readRetryAfterOf(collected?.bytes);
  };

  it.each<[what: string, body: string, wait: number | undefined]>([
    ['Nixflex', '{"error":{"type":"rate_limit_error","details":{"retry_after":12}}}', 12_000],
    ['Discord', '{"message":"You are being rate limited.","retry_after":64.57,"global":false}', 64_570],
    ['Telegram', '{"ok":false,"error_code":429,"parameters":{"retry_after":5}}', 5_000],
    ['Matrix', '{"errcode":"M_LIMIT_EXCEEDED","retry_after_ms":2000}', 2_000],
    ['a text of digits', '{"retry_after":"7"}', 7_000],
    ['in a list', '{"errors":[{"retry_after":3}]}', 3_000],
    ['the outermost of two', '{"a":{"retry_after":1},"retry_after":2}', 2_000],
    ['a hostile number', '{"retry_after":1e300}', 86_400_000],
    ['a negative number', '{"retry_after":-1}', undefined],
    ['no number', '{"retry_after":null}', undefined],
    ['an object', '{"retry_after":{}}', undefined],
    ['no JSON', '{"retry_after":', undefined],
    ['a list', '[]', undefined],
    ['null', 'null', undefined],
    ['nested beyond reason', `${'{"a":'.repeat(5000)}{"retry_after":1}${'}'.repeat(5000)}`, undefined],
  ])('should be found: %s', async (_what, body, wait) => {
    expect(await read(body)).toBe(wait);
  });

  it('should be looked for in JSON only, up to 64 KiB of it', async () => {
    expect(await read('{"retry_after":1}', 'application/problem+json; charset=utf-8')).toBe(1_000);
    expect(await read('{"retry_after":1}', 'text/html')).toBeUndefined();
    expect(await read(`{"retry_after":1,"x":"${'x'.repeat(65_536)}"}`)).toBeUndefined();
    expect(await read(null)).toBeUndefined();
  });
});
