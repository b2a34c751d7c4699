import { describe, expect, it } from 'vitest';
import { type Mapping, requestReader } from '../../../../src/lab/trace/request.ts';

const PLAIN: Mapping = { at: 'time', partition: new Map(), cost: new Map() };

/** Reads one line whose columns are given. */
function read(mapping: Mapping, columns: Record<string, string>): unknown {
  return requestReader(mapping)(7, (column) => columns[column]);
}

describe('requestReader', () => {
  it.each<[string, Mapping, Record<string, string>, object]>([
    ['method and path', PLAIN, { time: '1', method: 'GET', path: '/a' }, { method: 'GET', path: '/a' }],
    ['a named group', { ...PLAIN, group: 'x' }, { time: '1', path: '/a' }, { group: 'x', path: '/a' }],
    ['the only group, without a path', { ...PLAIN, pathlessGroup: 'x' }, { time: '1' }, { group: 'x' }],
    ['no group, with a path', { ...PLAIN, pathlessGroup: 'x' }, { time: '1', path: '/' }, { path: '/' }],
    [
      'partition fields that are there',
      {
        ...PLAIN,
        partition: new Map([
          ['ip', 'address'],
          ['key', 'apiKey'],
        ]),
      },
      { time: '1', address: '::1' },
      { ip: '::1' },
    ],
    ['a tier', { ...PLAIN, tier: 'plan' }, { time: '1', plan: 'pro' }, { tier: 'pro' }],
    ['no tier', { ...PLAIN, tier: 'plan' }, { time: '1' }, {}],
    [
      'a cost as a sum',
      { ...PLAIN, cost: new Map([['tokens', ['a', 'b']]]) },
      { time: '1', a: '12', b: '030' },
      { cost: { requests: 1, tokens: 42 } },
    ],
    [
      'a cost in requests',
      { ...PLAIN, cost: new Map([['requests', ['a']]]) },
      { time: '1', a: '0' },
      { cost: { requests: 0 } },
    ],
  ])('should read %s', (_title, mapping, columns, descriptor) => {
    expect(read(mapping, columns)).toEqual({ line: 7, at: 1000, descriptor });
  });

  it.each<[Record<string, string>, string]>([
    [{}, 'there is no "time"'],
    [{ time: 'noon', a: '1' }, '"time" holds no instant: "noon"'],
    [{ time: '1' }, 'there is no "a"'],
    [{ time: '1', a: '9007199254740993' }, '"a" is too much: "9007199254740993"'],
    [{ time: '1', a: '1.5' }, '"a" holds no whole number: "1.5"'],
    [{ time: '1', a: '-1' }, '"a" holds no whole number: "-1"'],
    [{ time: '1', a: '1e3' }, '"a" holds no whole number: "1e3"'],
    [{ time: '1', a: 'NaN' }, '"a" holds no whole number: "NaN"'],
    [{ time: '1', a: ' 1' }, '"a" holds no whole number: " 1"'],
  ])('should say what is wrong with %j', (columns, reason) => {
    expect(read({ ...PLAIN, cost: new Map([['tokens', ['a']]]) }, columns)).toBe(reason);
  });

  it('should keep any text as it stands', () => {
    const odd = '\u{1F680}\uD800\0é';
    expect(read({ ...PLAIN, partition: new Map([['ip', 'a']]) }, { time: '1', a: odd })).toMatchObject({
      descriptor: { ip: odd },
    });
  });
});
