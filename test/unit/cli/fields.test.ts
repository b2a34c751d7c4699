import { describe, expect, it } from 'vitest';
import {
  fitMapping,
  type Mapping,
  readCosts,
  readPartition,
  requestReader,
} from '../../../src/cli/fields.ts';

const PLAIN: Mapping = { at: 'time', partition: new Map(), cost: new Map() };

/** Reads one line whose columns are given. */
function read(mapping: Mapping, columns: Record<string, string>): unknown {
  return requestReader(mapping)(7, (column) => columns[column]);
}

describe('readPartition', () => {
  it.each<[string[], [string, string][]]>([
    [[], []],
    [['ip=address'], [['ip', 'address']]],
    [
      ['ip=address,apiKey=key', 'org=o'],
      [
        ['ip', 'address'],
        ['apiKey', 'key'],
        ['org', 'o'],
      ],
    ],
    [['account'], [['account', 'account']]],
    [[' ip = address '], [['ip', 'address']]],
  ])('should read %j', (texts, expected) => {
    expect([...readPartition(texts)]).toEqual(expected);
  });

  it.each([
    ['', 'FIELD=COLUMN'],
    ['=address', 'not a field name'],
    ['ip=', 'FIELD=COLUMN'],
    ['ip=a=b', 'FIELD=COLUMN'],
    ['path=url', 'not a field name'],
    ['__proto__=x', 'not a field name'],
    ['ip=a,ip=b', 'twice'],
  ])('should refuse %j', (text, message) => {
    expect(() => readPartition([text])).toThrow(
      expect.objectContaining({ exitCode: 2, message: expect.stringContaining(message) }),
    );
  });
});

describe('readCosts', () => {
  it.each<[string[], [string, string[]][]]>([
    [[], []],
    [['tokens=a'], [['tokens', ['a']]]],
    [
      ['tokens=a+b', 'bytes= c + d '],
      [
        ['tokens', ['a', 'b']],
        ['bytes', ['c', 'd']],
      ],
    ],
  ])('should read %j', (texts, expected) => {
    expect([...readCosts(texts)]).toEqual(expected);
  });

  it.each([['tokens'], ['tokens='], ['=a'], ['tokens=a+'], ['tokens=a=b']])('should refuse %j', (text) => {
    expect(() => readCosts([text])).toThrow(
      expect.objectContaining({ exitCode: 2, message: expect.stringContaining('UNIT=COLUMN') }),
    );
  });

  it('should refuse a unit that is named twice', () => {
    expect(() => readCosts(['tokens=a', 'tokens=b'])).toThrow('twice');
  });
});

describe('fitMapping', () => {
  const FULL: Mapping = {
    at: 'time',
    tier: 'plan',
    partition: new Map([['ip', 'address']]),
    cost: new Map([['tokens', ['a', 'b']]]),
    pathlessGroup: 'only',
  };
  const COLUMNS = ['time', 'plan', 'address', 'a', 'b'];

  it('should take a mapping whose columns are all there', () => {
    expect(fitMapping(FULL, COLUMNS)).toEqual(FULL);
  });

  it('should not put a request without a path into the only group where the log has paths', () => {
    expect(fitMapping(FULL, [...COLUMNS, 'path'])).not.toHaveProperty('pathlessGroup');
  });

  it.each<[string, string, string]>([
    ['time', 'Time', '--at: the log has no column "time"; did you mean "Time"?'],
    ['plan', 'plans', '--tier: the log has no column "plan"; did you mean "plans"?'],
    ['address', 'addres', '--partition: the log has no column "address"; did you mean "addres"?'],
    ['b', 'tokens', '--cost: the log has no column "b"'],
    ['b', 'a', '--cost: the log has 2 columns "a"'],
  ])('should name the option whose column %s is called %s', (column, called, message) => {
    const columns = COLUMNS.map((name) => (name === column ? called : name));
    expect(() => fitMapping(FULL, columns)).toThrow(
      expect.objectContaining({ exitCode: 2, message: expect.stringContaining(message) }),
    );
  });

  it('should ask for a group where there is neither a path nor an only group', () => {
    expect(() => fitMapping(PLAIN, ['time'])).toThrow('--group');
    expect(fitMapping({ ...PLAIN, group: 'x' }, ['time'])).toMatchObject({ group: 'x' });
  });
});

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
