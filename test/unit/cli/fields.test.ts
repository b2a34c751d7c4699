import { describe, expect, it } from 'vitest';
import { fitOptions, readCosts, readPartition } from '../../../src/cli/fields.ts';
import type { Mapping } from '../../../src/lab/trace/request.ts';

const PLAIN: Mapping = { at: 'time', partition: new Map(), cost: new Map() };

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

describe('fitOptions', () => {
  const FULL: Mapping = {
    at: 'time',
    tier: 'plan',
    partition: new Map([['ip', 'address']]),
    cost: new Map([['tokens', ['a', 'b']]]),
    pathlessGroup: 'only',
  };
  const COLUMNS = ['time', 'plan', 'address', 'a', 'b'];

  it('should take a mapping whose columns are all there', () => {
    expect(fitOptions(FULL, COLUMNS)).toEqual(FULL);
  });

  it('should not put a request without a path into the only group where the log has paths', () => {
    expect(fitOptions(FULL, [...COLUMNS, 'path'])).not.toHaveProperty('pathlessGroup');
  });

  it.each<[string, string, string]>([
    ['time', 'Time', '--at: the log has no column "time"; did you mean "Time"?'],
    ['plan', 'plans', '--tier: the log has no column "plan"; did you mean "plans"?'],
    ['address', 'addres', '--partition: the log has no column "address"; did you mean "addres"?'],
    ['b', 'tokens', '--cost: the log has no column "b"'],
    ['b', 'a', '--cost: the log has 2 columns "a"'],
  ])('should name the option whose column %s is called %s', (column, called, message) => {
    const columns = COLUMNS.map((name) => (name === column ? called : name));
    expect(() => fitOptions(FULL, columns)).toThrow(
      expect.objectContaining({ exitCode: 2, message: expect.stringContaining(message) }),
    );
  });

  it('should ask for a group where there is neither a path nor an only group', () => {
    expect(() => fitOptions(PLAIN, ['time'])).toThrow('--group');
    expect(fitOptions({ ...PLAIN, group: 'x' }, ['time'])).toMatchObject({ group: 'x' });
  });
});
