import { describe, expect, it } from 'vitest';
import { parseHttpDate } from '../../../src/client/http-date.ts';
import { type ResetUnit, readReset } from '../../../src/client/reset.ts';

const DAY = 86_400_000;
/** Sunday, 22 November 2026, 04:00:00 GMT. */
const NOW = Date.UTC(2026, 10, 22, 4);
const read = (
  text: string,
  unit: ResetUnit = 'auto',
  short: 'seconds' | 'milliseconds' = 'seconds',
  serverNow = NOW,
) => readReset(text, unit, short, { now: NOW, serverNow });

describe('a reset field', () => {
  it.each<[what: string, text: string, wait: number | undefined]>([
    ['now', '0', 0],
    ['seconds from now', '30', 30_000],
    ['a fraction of a second', '1.25', 1_250],
    ['a fraction that has to be rounded up', '0.0001', 1],
    ['many seconds, clamped to a day', '999999999', DAY],
    ['Unix seconds', String(NOW / 1000 + 60), 60_000],
    ['Unix seconds with a fraction (Discord)', `${NOW / 1000 + 60}.123`, 60_123],
    ['Unix seconds of the past', String(NOW / 1000 - 60), 0],
    ['the first number that is Unix seconds', '1000000000', 0],
    ['the last one, of the year 5138', '99999999999', DAY],
    ['the first number that is Unix milliseconds', '100000000000', 0],
    ['Unix milliseconds', String(NOW + 60_000), 60_000],
    ['microseconds, which nobody sends', `${NOW}000`, undefined],
    ['a duration in seconds (OpenAI)', '1s', 1_000],
    ['a duration in minutes and seconds (OpenAI)', '6m0s', 360_000],
    ['a duration with a fraction', '1m30.5s', 90_500],
    ['a duration in milliseconds', '17ms', 17],
    ['a duration of hours', '1h2m3s', 3_723_000],
    ['a long duration', '30d', DAY],
    ['RFC 3339 (Anthropic)', '2026-11-22T04:01:00Z', 60_000],
    ['ISO 8601 without seconds (Atlassian)', '2026-11-22T04:01Z', 60_000],
    ['ISO 8601 with a zone', '2026-11-22T05:01:00+01:00', 60_000],
    ['ISO 8601 with a fraction', '2026-11-22T04:00:00.250Z', 250],
    ['ISO 8601 without a zone: UTC', '2026-11-22T04:01:00', 60_000],
    ['an HTTP date', 'Sun, 22 Nov 2026 04:01:00 GMT', 60_000],
    ['no such day', '2026-13-45T00:00:00Z', undefined],
    ['an empty field', '', undefined],
    ['a negative number', '-5', undefined],
    ['an exponent', '1e21', undefined],
    ['words', 'soon', undefined],
    ['hexadecimal', '0x10', undefined],
    ['infinity', 'Infinity', undefined],
    ['a number of sixteen digits', '1234567890123456', undefined],
    ['a unit alone', 's', undefined],
    ['a very long text', '1s'.repeat(1000), undefined],
  ])('should be %s: %s', (_what, text, wait) => {
    expect(read(text)).toBe(wait);
  });

  it('should have short times in the unit of its name', () => {
    expect([read('15000', 'auto', 'milliseconds'), read('15000')]).toEqual([15_000, 15_000_000]);
    expect(read(String(NOW / 1000 + 60), 'auto', 'milliseconds')).toBe(60_000);
  });

  it('should mean what it is said to mean, whatever its size', () => {
    expect([read('30', 'milliseconds'), read('30', 'seconds'), read('30', 'epoch-seconds')]).toEqual([
      30, 30_000, 0,
    ]);
    expect(read('2000000000', 'seconds')).toBe(DAY);
    expect(read('60', 'epoch-seconds', 'seconds', 0)).toBe(60_000);
    expect(read('60', 'epoch-milliseconds', 'seconds', 0)).toBe(60);
    expect(read('1m', 'epoch-seconds')).toBe(60_000);
  });

  it("should count instants from the server's clock, and lengths from any", () => {
    const slow = NOW - 3_600_000;
    expect(read(String(slow / 1000 + 60), 'auto', 'seconds', slow)).toBe(60_000);
    expect(read('60', 'auto', 'seconds', slow)).toBe(60_000);
    expect(read('2026-11-22T03:01:00Z', 'auto', 'seconds', slow)).toBe(60_000);
  });
});

describe('an HTTP date', () => {
  const instant = Date.UTC(1994, 10, 6, 8, 49, 37);

  it.each<[string, string, number | undefined]>([
    ['of today', 'Sun, 06 Nov 1994 08:49:37 GMT', instant],
    ['of RFC 850', 'Sunday, 06-Nov-94 08:49:37 GMT', instant],
    ['of asctime', 'Sun Nov  6 08:49:37 1994', instant],
    ['of RFC 850, this century', 'Sunday, 22-Nov-26 04:00:00 GMT', NOW],
    ['of RFC 850, in fifty years', 'Sunday, 22-Nov-76 04:00:00 GMT', Date.UTC(2076, 10, 22, 4)],
    [
      'of RFC 850, fifty-one years from now is past',
      'Sunday, 22-Nov-77 04:00:00 GMT',
      Date.UTC(1977, 10, 22, 4),
    ],
    ['a leap second', 'Sat, 31 Dec 2016 23:59:60 GMT', Date.UTC(2017, 0, 1)],
    ['a leap day', 'Thu, 29 Feb 2024 00:00:00 GMT', Date.UTC(2024, 1, 29)],
    ['no leap year', 'Wed, 29 Feb 2023 00:00:00 GMT', undefined],
    ['the 31st of November', 'Sun, 31 Nov 2026 00:00:00 GMT', undefined],
    ['25 hours', 'Sun, 22 Nov 2026 25:00:00 GMT', undefined],
    ['another zone', 'Sun, 22 Nov 2026 04:00:00 CET', undefined],
    ['no zone', 'Sun, 22 Nov 2026 04:00:00', undefined],
    ['ISO 8601', '2026-11-22T04:00:00Z', undefined],
    ['a day alone', 'Sun, 22 Nov 2026', undefined],
  ])('should be read: %s', (_what, text, expected) => {
    expect(parseHttpDate(text, NOW)).toBe(expected);
  });
});
