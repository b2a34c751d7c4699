import fc from 'fast-check';
import * as oracle from 'structured-headers';
import { describe, expect, it } from 'vitest';
import {
  type BareItem,
  type Item,
  parseDictionary,
  parseList,
} from '../../../src/client/structured-field.ts';

const plain = ({ bare, parameters }: Item): unknown => [
  written(bare),
  [...parameters].map(([k, v]) => [k, written(v)]),
];
const written = (bare: BareItem): unknown => (bare.kind === 'other' ? 'other' : `${bare.kind} ${bare.value}`);

describe('a structured list', () => {
  it.each<[string, unknown]>([
    ['', []],
    [
      '"burst";r=50;t=30',
      [
        [
          'string burst',
          [
            ['r', 'integer 50'],
            ['t', 'integer 30'],
          ],
        ],
      ],
    ],
    [
      '"a";r=1 ,\t"b";r=2',
      [
        ['string a', [['r', 'integer 1']]],
        ['string b', [['r', 'integer 2']]],
      ],
    ],
    ['  default;r=1  ', [['token default', [['r', 'integer 1']]]]],
    ['"a\\"b\\\\"', [['string a"b\\', []]]],
    ['100;w=60', [['integer 100', [['w', 'integer 60']]]]],
    [
      '"a"; pk=:cHNsAAAAAAABAA==:;x;y=?0;z=1.5',
      [
        [
          'string a',
          [
            ['pk', 'other'],
            ['x', 'other'],
            ['y', 'other'],
            ['z', 'other'],
          ],
        ],
      ],
    ],
    ['"a";r=1;r=2', [['string a', [['r', 'integer 2']]]]],
    ['-0', [['integer 0', []]]],
    [
      '"a";d=@1659578233;e=%"f%c3%bc"',
      [
        [
          'string a',
          [
            ['d', 'other'],
            ['e', 'other'],
          ],
        ],
      ],
    ],
  ])('should be read: %j', (text, expected) => {
    expect(parseList(text)?.map(plain)).toEqual(expected);
  });

  it.each([
    ['a comma at the end', '"a";r=1,'],
    ['an empty member', '"a",,"b"'],
    ['an open string', '"a'],
    ['an unknown escape', '"a\\n"'],
    ['a letter outside of ASCII', '"ä"'],
    ['an integer of sixteen digits', '1234567890123456'],
    ['a number without digits after the point', '1.'],
    ['a number with an exponent', '1e3'],
    ['a parameter without a value behind its sign', '"a";r='],
    ['a capital letter in a key', '"a";R=1'],
    ['a space before a parameter', '"a" ;r=1'],
    ['an inner list', '("a" "b");q=1'],
    ['a dictionary', 'limit=100, remaining=50'],
    ['a tab in front', '\t"a"'],
    ['single quotes', "'a';r=1"],
  ])('should be refused whole: %s', (_what, text) => {
    expect(parseList(text)).toBeUndefined();
  });

  /** Text that is nearly a field, or not at all. */
  const piece = fc.constantFrom(
    ...[
      '"a"',
      'b',
      ';',
      '=',
      ',',
      ' ',
      '\t',
      'r',
      't',
      '1',
      '-',
      '.',
      '5',
      ':YQ==:',
      '?1',
      '*',
      '"',
      '\\',
      '@',
      'A',
      '(',
    ],
  );
  const text = fc.oneof(
    fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join('')),
    fc.string(),
  );

  it('should be what an independent parser reads, and malformed where that refuses', () => {
    let read = 0;
    fc.assert(
      fc.property(text, (field) => {
        const expected = oracleList(field);
        expect(parseList(field)?.map(plain)).toEqual(expected);
        if (expected !== undefined && expected.length > 0) read++;
      }),
      { numRuns: 20_000 },
    );
    expect(read).toBeGreaterThan(300);
  });

  /** Inner lists are malformed for us. */
  function oracleList(field: string): unknown[] | undefined {
    try {
      return oracle.parseList(field).map(([value, parameters]) => {
        if (Array.isArray(value)) throw new Error('inner list');
        return [oracleValue(value), [...parameters].map(([key, each]) => [key, oracleValue(each)])];
      });
    } catch {
      return undefined;
    }
  }

  function oracleValue(value: oracle.BareItem): string {
    if (typeof value === 'number' && Number.isInteger(value)) return `integer ${value}`;
    if (typeof value === 'string') return `string ${value}`;
    return value instanceof oracle.Token ? `token ${value.toString()}` : 'other';
  }
});

describe('a structured dictionary', () => {
  it('should be read', () => {
    const read = parseDictionary('limit=100, remaining=50;x=1,reset=5, flag, a=1, a="last"');
    const members = [...(read ?? [])].map(([key, item]) => [key, plain(item)]);
    expect(members).toEqual([
      ['limit', ['integer 100', []]],
      ['remaining', ['integer 50', [['x', 'integer 1']]]],
      ['reset', ['integer 5', []]],
      ['flag', ['other', []]],
      ['a', ['string last', []]],
    ]);
  });

  it.each(['limit=', 'limit=100,', 'Limit=1', '"limit"=1', 'limit =1', 'limit=100 remaining=5'])(
    'should be refused whole: %j',
    (text) => {
      expect(parseDictionary(text)).toBeUndefined();
    },
  );
});
