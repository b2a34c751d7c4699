import { expect, it } from 'vitest';
import type { Outcome } from '../../../src/cli/outcome.ts';
import { jsonSummary, textSummary } from '../../../src/cli/summary.ts';
import { UnreadableLines } from '../../../src/cli/unreadable-lines.ts';

const OUTCOME: Outcome = {
  requests: 10_000,
  allowed: 9913,
  denied: 87,
  groups: new Map([
    ['site', { allowed: 9913, denied: 87 }],
    ['unused', { allowed: 0, denied: 0 }],
  ]),
  limits: new Map([
    ['per-address', 87],
    ['idle', 0],
  ]),
  keys: 1753,
  span: { from: 0, to: 1_500 },
};

it('should write the settled fields as one line of JSON', () => {
  expect(jsonSummary(OUTCOME, { unparsed: 3 })).toBe(
    '{"requests":10000,"allowed":9913,"denied":87,"unparsed":3,' +
      '"groups":{"site":{"allowed":9913,"denied":87},"unused":{"allowed":0,"denied":0}},' +
      '"limits":{"per-address":{"denied":87},"idle":{"denied":0}},"keys":1753,' +
      '"span":{"from":"1970-01-01T00:00:00.000Z","to":"1970-01-01T00:00:01.500Z"}}\n',
  );
});

it('should write null where there is no span', () => {
  expect(JSON.parse(jsonSummary({ ...OUTCOME, span: undefined }, { unparsed: 0 }))).toMatchObject({
    span: { from: null, to: null },
  });
});

it('should write a text for people', () => {
  expect(textSummary(OUTCOME, { unparsed: 3 })).toBe(`requests  10,000
allowed    9,913  99.1 %
denied        87   0.9 %
unparsed       3
keys       1,753

from 1970-01-01T00:00:00.000Z to 1970-01-01T00:00:01.500Z

group   allowed  denied
site      9,913      87  0.9 %
unused        0       0

limit        denied
per-address      87  0.9 %
idle              0  0.0 %
`);
});

it('should stay within 100 columns whatever the names and figures', () => {
  const most = 999_999_999;
  const name = 'n'.repeat(64);
  const text = textSummary(
    {
      ...OUTCOME,
      requests: most,
      groups: new Map([[name, { allowed: most, denied: most }]]),
      limits: new Map([[name, most]]),
    },
    { unparsed: most },
  );
  expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
});

it('should name the five unreadable lines that come first, in whatever order they are found', () => {
  const lines = new UnreadableLines();
  expect(lines.report('x.log')).toEqual([]);
  for (const line of [9, 2, 8, 1, 7, 3, 6]) lines.add(line, `reason ${line}`);
  expect(lines.count).toBe(7);
  expect(lines.report('x.log')).toEqual([
    'x.log: 7 lines could not be read',
    '  line 1: reason 1',
    '  line 2: reason 2',
    '  line 3: reason 3',
    '  line 6: reason 6',
    '  line 7: reason 7',
    '  and 2 more',
  ]);
});
