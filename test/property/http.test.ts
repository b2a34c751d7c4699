import fc from 'fast-check';
import { type List, parseList } from 'structured-headers';
import { describe, expect, it } from 'vitest';
import { clientAddress, parseAddress } from '../../src/http/client-address.ts';
import { denialResponse } from '../../src/http/denial.ts';
import { rateLimitHeaders } from '../../src/http/headers.ts';
import type { Decision, LimitDecision } from '../../src/limiter/decision.ts';
import type { HeaderDialect, Json } from '../../src/policy/document.ts';
import { fillText, templateFaults } from '../../src/policy/template.ts';
import { MAX_INSTANT } from '../../src/time.ts';
import { decisionOf, limitDecision, permitDecision } from '../fixtures/decisions.ts';

const MAX_INTEGER = 999_999_999_999_999;
const ALL: readonly HeaderDialect[] = ['x-ratelimit', 'retry-after', 'draft-11'];

const instant = fc.oneof(fc.nat(5_000), fc.maxSafeNat());
/** Whatever a custom algorithm might answer. */
const anyNumber = fc.oneof(
  instant,
  fc.double(),
  fc.constantFrom(-0, 1e21, Number.POSITIVE_INFINITY, Number.NaN),
);
const text = fc.oneof(
  fc.stringMatching(/^[a-z][a-z0-9-]{0,63}$/),
  fc.string({ unit: 'binary', maxLength: 10 }),
);

const anyLimit: fc.Arbitrary<LimitDecision> = fc
  .record({
    name: text,
    unit: fc.oneof(fc.constant('requests'), text),
    allowed: fc.boolean(),
    quota: anyNumber,
    remaining: anyNumber,
    resetAt: fc.option(anyNumber, { nil: undefined }),
    retryAt: fc.option(anyNumber, { nil: undefined }),
    mode: fc.constantFrom('enforce' as const, 'enforce' as const, 'shadow' as const),
    isPermit: fc.boolean(),
    window: fc.integer({ min: 1, max: 2 ** 51 }),
  })
  .map(({ isPermit, window, ...fields }) => {
    const reason = fields.allowed ? ('ok' as const) : ('quota' as const);
    return isPermit ? permitDecision({ ...fields, reason }) : limitDecision({ ...fields, window, reason });
  });

const anyDecision: fc.Arbitrary<Decision> = fc
  .tuple(fc.array(anyLimit, { maxLength: 5 }), fc.integer({ min: 0, max: MAX_INSTANT }))
  .map(([limits, at]) => decisionOf(limits, { at }));

/** Members of a structured list, as an independent parser reads them. */
function membersOf(
  fields: Record<string, string>,
  name: 'RateLimit' | 'RateLimit-Policy',
): { name: unknown; parameters: Record<string, unknown> }[] {
  const field = fields[name];
  const list: List = field === undefined ? [] : parseList(field);
  return list.map(([name, parameters]) => ({ name, parameters: Object.fromEntries(parameters) }));
}

const isCount = (value: unknown): boolean =>
  Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) <= MAX_INTEGER;

describe('rate-limit fields', () => {
  it('should be structured lists whose parameters are in range, whatever the decision holds', () => {
    fc.assert(
      fc.property(anyDecision, (decision) => {
        const fields = rateLimitHeaders(decision, { headers: ALL });
        const shown = decision.limits.filter((limit) => limit.mode === 'enforce');
        const policies = membersOf(fields, 'RateLimit-Policy');
        expect(policies).toHaveLength(shown.length);
        for (const { name, parameters } of policies) {
          expect(name).toBeTypeOf('string');
          const { q, w = 1, qu = '', ...others } = parameters;
          expect(isCount(q) && isCount(w) && Number(w) > 0 && typeof qu === 'string').toBe(true);
          expect(others).toEqual({});
        }
        const state = membersOf(fields, 'RateLimit');
        expect(state).toHaveLength(shown.filter((limit) => limit.allowed === decision.allowed).length);
        for (const { parameters } of state) {
          const { r, t = 0, ...others } = parameters;
          expect(isCount(r) && isCount(t)).toBe(true);
          expect(others).toEqual({});
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('should keep the names that a policy may have', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.stringMatching(/^[a-z][a-z0-9-]{0,63}$/), { maxLength: 5 }), (names) => {
        const decision = decisionOf(names.map((name) => limitDecision({ name })));
        const fields = rateLimitHeaders(decision, { headers: ['draft-11'] });
        expect(membersOf(fields, 'RateLimit-Policy').map(({ name }) => name)).toEqual(names);
      }),
    );
  });

  it('should hold digits only where they are not lists', () => {
    const dialects = fc.constantFrom<HeaderDialect>('x-ratelimit', 'x-ratelimit-delta', 'retry-after');
    fc.assert(
      fc.property(anyDecision, dialects, (decision, dialect) => {
        for (const value of Object.values(rateLimitHeaders(decision, { headers: [dialect] }))) {
          expect(value).toMatch(/^(0|[1-9]\d{0,14})$/);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('Retry-After', () => {
  it('should never be early, nor more than a second late', () => {
    const late = fc.integer({ min: 1, max: 2 ** 52 });
    fc.assert(
      fc.property(fc.integer({ min: 0, max: MAX_INSTANT }), fc.oneof(fc.nat(5_000), late), (at, wait) => {
        const retryAt = at + wait;
        const refusal = limitDecision({ allowed: false, remaining: 0, retryAt, reason: 'quota' });
        const fields = rateLimitHeaders(decisionOf([refusal], { at }), { headers: ALL });
        const seconds = BigInt(fields['Retry-After'] ?? '0');
        expect(BigInt(at) + seconds * 1000n >= BigInt(retryAt)).toBe(true);
        expect(seconds === 1n || BigInt(at) + (seconds - 1n) * 1000n < BigInt(retryAt)).toBe(true);
        expect(membersOf(fields, 'RateLimit')).toEqual([
          { name: 'reads', parameters: { r: 0, t: Number(seconds) } },
        ]);
      }),
      { numRuns: 5_000 },
    );
  });

  it('should not be later than the reset that is told with it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: MAX_INSTANT }), fc.integer({ min: 1, max: 1e6 }), (at, wait) => {
        const refusal = limitDecision({
          allowed: false,
          remaining: 0,
          retryAt: at + wait,
          resetAt: at + wait,
          reason: 'quota',
        });
        const { 'Retry-After': seconds, 'X-RateLimit-Reset': delta } = rateLimitHeaders(
          decisionOf([refusal], { at }),
          { headers: ['x-ratelimit-delta', 'retry-after'] },
        );
        expect(seconds).toBe(delta);
      }),
    );
  });
});

describe('a denial', () => {
  const denied = decisionOf([
    limitDecision({ allowed: false, remaining: 0, retryAt: Number.POSITIVE_INFINITY, reason: 'never' }),
  ]);

  it('should send any template that has no placeholders as it stands', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        const body: Json = JSON.parse(
          JSON.stringify(value, (_, inner) => (typeof inner === 'string' ? doubled(inner) : inner)),
        );
        fc.pre(typeof body !== 'string');
        expect(templateFaults({ body }, '')).toEqual([]);
        expect(JSON.parse(denialResponse(denied, { denial: { body } }).body)).toEqual(
          JSON.parse(JSON.stringify(value)),
        );
      }),
    );
  });

  it('should report every brace that it leaves as it stands', () => {
    const values = { retryAfter: '', limit: '', quota: '', resetAt: '' };
    const words = fc.constantFrom('{', '}', '{{', '}}', 'limit', '{limit}', '{retryAfter}', 'x', ' ');
    fc.assert(
      fc.property(fc.array(words, { maxLength: 12 }), (parts) => {
        const body = parts.join('');
        const isFaulty = templateFaults({ body }, '').length > 0;
        const literal = doubled(fillText(body, values));
        // A sound text says the same after its literal braces were read and doubled again.
        if (!isFaulty)
          expect(literal).toBe(body.replace(/\{\{|\}\}|\{\w+\}/g, (m) => (m.length === 2 ? m : '')));
      }),
      { numRuns: 2_000 },
    );
  });
});

function doubled(text: string): string {
  return text.replace(/[{}]/g, '$&$&');
}

describe('the key of an address', () => {
  const group = fc.oneof(fc.constant(0), fc.constant(0xffff), fc.nat(0xffff));
  const anyGroups = fc.array(group, { minLength: 8, maxLength: 8 });
  const mapped = fc.tuple(group, group).map(([high, low]) => [0, 0, 0, 0, 0, 0xffff, high, low]);
  const groups = fc.oneof(anyGroups, mapped);

  /** How one address may be written. */
  const style = fc.record({
    isUpper: fc.boolean(),
    width: fc.integer({ min: 1, max: 4 }),
    /** Which of the possible places of `::`, if any. */
    gap: fc.option(fc.tuple(fc.nat(7), fc.integer({ min: 1, max: 8 })), { nil: undefined }),
    hasOctets: fc.boolean(),
    around: fc.constantFrom(['', ''], ['[', ']'], ['[', ']:443'], ['', '%eth0'], ['[', '%1]:8'], [' ', '\t']),
  });
  type Style = typeof style extends fc.Arbitrary<infer T> ? T : never;

  function spell(address: readonly number[], { isUpper, width, gap, hasOctets, around }: Style): string {
    const [high = 0, low = 0] = address.slice(6);
    const words = address.slice(0, hasOctets ? 6 : 8).map((word) => word.toString(16).padStart(width, '0'));
    if (hasOctets) words.push([high >> 8, high & 255, low >> 8, low & 255].join('.'));
    const [start, length] = gap ?? [0, 0];
    const end = Math.min(start + length, hasOctets ? 6 : 8);
    const canShorten = end > start && address.slice(start, end).every((word) => word === 0);
    const written = canShorten
      ? `${words.slice(0, start).join(':')}::${words.slice(end).join(':')}`
      : words.join(':');
    return around.join(isUpper ? written.toUpperCase() : written);
  }

  it('should be the same for any two spellings of the same bits', () => {
    fc.assert(
      fc.property(groups, style, style, (address, one, other) => {
        expect(parseAddress(spell(address, one))).toEqual(address);
        const key = clientAddress({ peer: spell(address, one) });
        expect(key).toBeDefined();
        expect(clientAddress({ peer: spell(address, other) })).toBe(key);
      }),
      { numRuns: 5_000 },
    );
  });

  it('should be the same exactly for addresses of one network', () => {
    fc.assert(
      fc.property(
        anyGroups,
        anyGroups,
        fc.integer({ min: 32, max: 64 }),
        fc.nat(70),
        (a, b, ipv6Prefix, shared) => {
          const other = fromBits(`${bitsOf(a).slice(0, shared)}${bitsOf(b).slice(shared)}`);
          const [one, two] = [a, other].map((address) => {
            const isIPv4 = bitsOf(address).startsWith(`${'0'.repeat(80)}${'1'.repeat(16)}`);
            return {
              key: clientAddress({ peer: hex(address) }, { ipv6Prefix }),
              isIPv4,
              bits: bitsOf(address),
            };
          });
          fc.pre(one?.isIPv4 === false && two?.isIPv4 === false);
          expect(one?.key === two?.key).toBe(
            one?.bits.slice(0, ipv6Prefix) === two?.bits.slice(0, ipv6Prefix),
          );
        },
      ),
    );
  });

  it('should be an address again, with the same key', () => {
    fc.assert(
      fc.property(groups, fc.integer({ min: 32, max: 64 }), (address, ipv6Prefix) => {
        const key = clientAddress({ peer: hex(address) }, { ipv6Prefix }) ?? '';
        const [network = ''] = key.split('/');
        expect(clientAddress({ peer: network }, { ipv6Prefix })).toBe(key);
      }),
    );
  });

  it('should come from the peer or the trusted hop, whatever the field holds', () => {
    const entry = fc.oneof(fc.constantFrom('8.8.8.8', '', 'unknown', '2001:db8::1'), fc.string());
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 6 }), fc.nat(8), (lines, trustedHops) => {
        const chain = lines.join(',').split(',');
        const hop = trustedHops === 0 ? undefined : chain.at(-trustedHops);
        const expected = clientAddress({ peer: hop }) ?? '192.0.2.1';
        expect(clientAddress({ peer: '192.0.2.1', forwardedFor: lines }, { trustedHops })).toBe(expected);
      }),
      { numRuns: 2_000 },
    );
  });

  it('should be refused for text that is no address', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('1', '0', 'f', ':', '.', '[', ']', '%', ' ') }),
        (junk) => {
          const key = clientAddress({ peer: junk });
          if (key !== undefined) expect(key).toMatch(/^(\d+\.\d+\.\d+\.\d+|([\da-f]+(:[\da-f]+)*)?::\/64)$/);
        },
      ),
      { numRuns: 5_000 },
    );
  });
});

function hex(address: readonly number[]): string {
  return address.map((word) => word.toString(16)).join(':');
}

function bitsOf(address: readonly number[]): string {
  return address.map((word) => word.toString(2).padStart(16, '0')).join('');
}

function fromBits(bits: string): number[] {
  return Array.from({ length: 8 }, (_, i) => Number.parseInt(bits.slice(16 * i, 16 * i + 16), 2));
}
