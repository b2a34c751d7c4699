import { expect, it } from 'vitest';
import { readInstant } from '../../../../src/lab/trace/instant.ts';

it.each<[string, string, string]>([
  ['Apache', '17/May/2015:10:05:03 +0000', '2015-05-17T10:05:03.000Z'],
  ['Apache east of Greenwich', '01/Jan/2024:00:30:00 +0530', '2023-12-31T19:00:00.000Z'],
  ['Apache west of Greenwich', '31/Dec/2023:23:30:00 -0800', '2024-01-01T07:30:00.000Z'],
  ['ISO 8601 in UTC', '2023-11-16T18:17:03Z', '2023-11-16T18:17:03.000Z'],
  ['ISO 8601 without a zone as UTC', '2023-11-16T18:17:03', '2023-11-16T18:17:03.000Z'],
  ['ISO 8601 with a zone', '2023-11-16T18:17:03.5+02:00', '2023-11-16T16:17:03.500Z'],
  ['ISO 8601 with a zone without a colon', '2023-11-16T18:17:03-0130', '2023-11-16T19:47:03.000Z'],
  ['a space for the T', '2023-11-16 18:17:03', '2023-11-16T18:17:03.000Z'],
  ['a space before the zone', '2023-11-16 18:17:03 +0100', '2023-11-16T17:17:03.000Z'],
  ['seven fractional digits, cut off', '2023-11-16 18:17:03.9799600', '2023-11-16T18:17:03.979Z'],
  ['nine fractional digits, cut off', '2023-11-16T18:17:03.999999999Z', '2023-11-16T18:17:03.999Z'],
  ['one fractional digit', '2023-11-16T18:17:03.9Z', '2023-11-16T18:17:03.900Z'],
  ['a comma before the fraction', '2023-11-16 18:17:03,042', '2023-11-16T18:17:03.042Z'],
  ['the 29th of February', '2024-02-29T00:00:00Z', '2024-02-29T00:00:00.000Z'],
  ['seconds', '1431857103', '2015-05-17T10:05:03.000Z'],
  ['fractional seconds, exactly', '1431857103.001', '2015-05-17T10:05:03.001Z'],
  ['fractional seconds, cut off', '1431857103.0019999', '2015-05-17T10:05:03.001Z'],
  ['milliseconds', '1431857103123', '2015-05-17T10:05:03.123Z'],
  ['fractional milliseconds, cut off', '1431857103123.9', '2015-05-17T10:05:03.123Z'],
  ['the epoch', '0', '1970-01-01T00:00:00.000Z'],
  ['the last second that is no millisecond', '99999999999', '5138-11-16T09:46:39.000Z'],
  ['the first millisecond that is no second', '100000000000', '1973-03-03T09:46:40.000Z'],
])('should read %s', (_title, text, expected) => {
  expect(new Date(readInstant(text) ?? Number.NaN).toISOString()).toBe(expected);
});

it.each([
  '',
  'yesterday',
  '2023-11-16',
  '2023-02-29T00:00:00Z',
  '2023-11-31 00:00:00',
  '2023-13-01T00:00:00Z',
  '2023-11-16T24:00:00Z',
  '2023-11-16T18:60:00Z',
  '2023-11-16T18:17:03+25:00',
  '2023-11-16T18:17:03.1234567890Z',
  '2023-11-16T18:17:03Z and more',
  '0099-01-01T00:00:00Z',
  '1969-12-31T23:59:59Z',
  '1970-01-01T00:30:00+01:00',
  '17/Mai/2015:10:05:03 +0000',
  '32/May/2015:10:05:03 +0000',
  '17/May/2015:10:05:03',
  '-1',
  '1e9',
  '0x10',
  '1431857103123456',
  'NaN',
])('should refuse %j', (text) => {
  expect(readInstant(text)).toBeUndefined();
});
