import { describe, expect, it } from 'vitest';
import { guessFormat, type LogFormat, readLog } from '../../../../src/lab/trace/log.ts';
import { MAX_LINE } from '../../../../src/lab/trace/log-sink.ts';

/** What a log held: the columns asked for by line number, and the lines that could not be read. */
interface Read {
  lines: [number, ...(string | undefined)[]][];
  unreadable: [number, string][];
  columns: readonly string[] | undefined;
}

async function read(
  format: LogFormat,
  text: string,
  columns: string[],
  size = Number.POSITIVE_INFINITY,
): Promise<Read> {
  const found: Read = { lines: [], unreadable: [], columns: undefined };
  async function* chunks(): AsyncGenerator<string> {
    for (let at = 0; at < text.length; at += size) yield text.slice(at, at + size);
  }
  await readLog(chunks(), () => format, {
    columns: (names) => {
      found.columns = names;
    },
    line: (number, field) => found.lines.push([number, ...columns.map(field)]),
    unreadable: (number, reason) => found.unreadable.push([number, reason]),
  });
  return found;
}

const COMMON = '1.2.3.4 - - [17/May/2015:10:05:03 +0000] "GET /a?b=c HTTP/1.1" 200 512';
const COMBINED = `${COMMON} "http://referrer/" "Mozilla/5.0 (X11)"`;

describe('combined', () => {
  const COLUMNS = ['address', 'user', 'time', 'method', 'path', 'status', 'bytes', 'referrer', 'agent'];
  const TIME = '17/May/2015:10:05:03 +0000';

  it.each<[string, string, (string | undefined)[]]>([
    [
      'the combined format',
      COMBINED,
      ['1.2.3.4', undefined, TIME, 'GET', '/a?b=c', '200', '512', 'http://referrer/', 'Mozilla/5.0 (X11)'],
    ],
    [
      'the common format',
      COMMON,
      ['1.2.3.4', undefined, TIME, 'GET', '/a?b=c', '200', '512', undefined, undefined],
    ],
    [
      'a user, no body and no referrer',
      `::1 - ann [${TIME}] "POST / HTTP/2.0" 304 - "-" "curl"`,
      ['::1', 'ann', TIME, 'POST', '/', '304', '0', undefined, 'curl'],
    ],
    [
      'a user with spaces',
      `::1 - ann lee [${TIME}] "GET / HTTP/1.1" 200 5`,
      ['::1', 'ann lee', TIME, 'GET', '/', '200', '5', undefined, undefined],
    ],
    [
      'escaped quotes and brackets',
      String.raw`::1 - - [${TIME}] "GET /\"[x]\" HTTP/1.1" 200 5 "\\" "a \"b\" [c]"`,
      ['::1', undefined, TIME, 'GET', String.raw`/\"[x]\"`, '200', '5', '\\\\', String.raw`a \"b\" [c]`],
    ],
    [
      'a path with spaces',
      `::1 - - [${TIME}] "GET /a b c HTTP/1.1" 400 5`,
      ['::1', undefined, TIME, 'GET', '/a b c', '400', '5', undefined, undefined],
    ],
    [
      'a request without a protocol',
      `::1 - - [${TIME}] "GET /a" 400 5`,
      ['::1', undefined, TIME, 'GET', '/a', '400', '5', undefined, undefined],
    ],
    [
      'a request that is none',
      String.raw`::1 - - [${TIME}] "\x16\x03\x01" 400 5`,
      ['::1', undefined, TIME, undefined, undefined, '400', '5', undefined, undefined],
    ],
    [
      'a line cut off inside the agent',
      COMBINED.slice(0, -5),
      ['1.2.3.4', undefined, TIME, 'GET', '/a?b=c', '200', '512', 'http://referrer/', 'Mozilla/5.0 ('],
    ],
    [
      'further fields',
      `${COMBINED} "10.0.0.1" 0.005`,
      ['1.2.3.4', undefined, TIME, 'GET', '/a?b=c', '200', '512', 'http://referrer/', 'Mozilla/5.0 (X11)'],
    ],
  ])('should read %s', async (_title, text, expected) => {
    const { lines, unreadable } = await read('combined', text, COLUMNS);
    expect(unreadable).toEqual([]);
    expect(lines).toEqual([[1, ...expected]]);
  });

  it.each([
    'garbage',
    COMMON.slice(0, 30),
    COMMON.slice(0, -8),
    COMMON.replace('[', ''),
    COMMON.replace('200', 'two'),
    `example.com:80 ${COMBINED}`,
    '{"time":"2015-05-17T10:05:03Z"}',
  ])('should not take %j for a line', async (text) => {
    const { lines, unreadable } = await read('combined', `${COMMON}\n${text}\n${COMMON}`, []);
    expect(lines).toEqual([[1], [3]]);
    expect(unreadable).toEqual([[2, 'not a line of the combined or the common log format']]);
  });

  it('should stay linear in lines made to confuse it', async () => {
    const started = performance.now();
    const text = `${'a - '}${'[x] "y" '.repeat(100_000)}\n${'a b [c] "\\"'.repeat(50_000)}`;
    expect((await read('combined', text, [])).unreadable).toHaveLength(2);
    expect(performance.now() - started).toBeLessThan(5000);
  });
});

describe('csv', () => {
  it.each<[string, string, Partial<Read>]>([
    [
      'rows',
      'a,b\n1,2\n3,4\n',
      {
        columns: ['a', 'b'],
        lines: [
          [2, '1', '2'],
          [3, '3', '4'],
        ],
      },
    ],
    [
      'CRLF, a byte order mark and no last line end',
      '\uFEFFa,b\r\n1,2\r\n3,4',
      {
        columns: ['a', 'b'],
        lines: [
          [2, '1', '2'],
          [3, '3', '4'],
        ],
      },
    ],
    [
      'quoted commas, quotes and newlines',
      'a,b\n"1,""x""","2\r\n\n3"\n4,5\n',
      {
        lines: [
          [2, '1,"x"', '2\n\n3'],
          [5, '4', '5'],
        ],
      },
    ],
    ['an empty cell as nothing', 'a,b\n,""\n', { lines: [[2, undefined, undefined]] }],
    [
      'columns in any order, with spaces around their names',
      'b , c,a\n1,2,3\n',
      { columns: ['b', 'c', 'a'], lines: [[2, '3', '1']] },
    ],
    ['a header only', 'a,b\n', { columns: ['a', 'b'], lines: [] }],
    ['nothing', '', { columns: undefined, lines: [] }],
  ])('should read %s', async (_title, text, expected) => {
    expect(await read('csv', text, ['a', 'b'])).toMatchObject({ unreadable: [], ...expected });
  });

  it('should name rows with too few or too many columns by their first line', async () => {
    const { lines, unreadable } = await read('csv', 'a,b\n1\n1,2\n"x\ny",2,3\n3,4\n', ['a']);
    expect(lines.map(([number]) => number)).toEqual([3, 6]);
    expect(unreadable).toEqual([
      [2, 'the row has 1 column, the header 2'],
      [4, 'the row has 3 columns, the header 2'],
    ]);
  });

  it.each<[string, string]>([
    ['that nothing closes', 'a,b\n1,2\n3,"4\n5,6\n7,8\n'],
    ['inside a cell', 'a,b\n1,2\n3,4"\n5,6\n7,8\n'],
    ['after a quoted cell', 'a,b\n1,2\n3,"4"x\n5,6\n7,8\n'],
    ['that a quoted cell further down seems to close', 'a,b\n1,2\n3,"4\n5,6\n7,8\n9,"x\ny"\n'],
  ])('should lose only the line of a stray quote %s', async (_title, text) => {
    const { lines, unreadable } = await read('csv', text, ['a']);
    expect(lines.map(([number]) => number).slice(0, 3)).toEqual([2, 4, 5]);
    expect(unreadable).toEqual([[3, 'a quote is out of place or not closed']]);
  });

  it('should refuse a header that makes no sense', async () => {
    await expect(read('csv', 'a,"b\n1,2\n', [])).rejects.toThrow('header');
  });
});

describe('jsonl', () => {
  it('should read text, numbers and booleans, and nothing else', async () => {
    const text = '{"a":"x","b":12.5}\n{"a":true,"b":null}\n{"a":{"b":1},"b":[1]}\n{"constructor":1}\n';
    expect(await read('jsonl', text, ['a', 'b', 'toString'])).toMatchObject({
      columns: undefined,
      unreadable: [],
      lines: [
        [1, 'x', '12.5', undefined],
        [2, 'true', undefined, undefined],
        [3, undefined, undefined, undefined],
        [4, undefined, undefined, undefined],
      ],
    });
  });

  it('should split lines at newlines only', async () => {
    const { lines } = await read('jsonl', '{"a":"x\u2028y"}\r\n{"a":"z\u0085"}\n', ['a']);
    expect(lines).toEqual([
      [1, 'x\u2028y'],
      [2, 'z\u0085'],
    ]);
  });

  it.each(['[1]', '3', 'null', '"x"', '{"a":1', '{"a":1} {"a":2}'])('should refuse %s', async (text) => {
    expect((await read('jsonl', text, [])).unreadable).toEqual([[1, 'not a JSON object']]);
  });
});

describe('every format', () => {
  const SAMPLES: Record<LogFormat, string> = {
    combined: `${COMBINED}\r\n${COMMON}\ngarbage\n`,
    csv: 'address,path\r\n1.2.3.4,"/a\r\nb"\n"1.2.3.4",/b\n1\n',
    jsonl: '{"address":"1.2.3.4","path":"/a"}\r\n{"address":"\u{1F680}"}\n{\n',
  };
  const FORMATS = Object.keys(SAMPLES) as LogFormat[];

  it.each(FORMATS)('should read %s the same however it is cut into chunks', async (format) => {
    const whole = await read(format, SAMPLES[format], ['address', 'path']);
    expect(whole.lines).toHaveLength(2);
    expect(whole.unreadable).toHaveLength(1);
    for (const size of [1, 2, 3, 7, 64]) {
      expect(await read(format, SAMPLES[format], ['address', 'path'], size)).toEqual(whole);
    }
  });

  it.each(FORMATS)('should pass over blank lines at the end of %s, and only there', async (format) => {
    const plain = await read(format, SAMPLES[format], []);
    expect(await read(format, `${SAMPLES[format]}\n \r\n\n`, [])).toEqual(plain);
    const { lines, unreadable } = await read(format, `${SAMPLES[format]}\n\n${SAMPLES[format]}`, []);
    expect(lines.length).toBeGreaterThan(plain.lines.length);
    const last = SAMPLES[format].split('\n').length;
    expect(unreadable).toContainEqual([last, 'the line is empty']);
    expect(unreadable).toContainEqual([last + 1, 'the line is empty']);
  });

  it.each(FORMATS)('should refuse a line of %s that never seems to end', async (format) => {
    const { lines, unreadable } = await read(
      format,
      `${SAMPLES[format]}${'x'.repeat(3 * MAX_LINE)}\n${SAMPLES[format]}`,
      [],
      65_536,
    );
    expect(lines.length).toBeGreaterThanOrEqual(4);
    const number = SAMPLES[format].split('\n').length;
    expect(unreadable).toContainEqual([number, `the line is longer than ${MAX_LINE} characters`]);
  });
});

it.each<[string, string, LogFormat]>([
  ['x.csv', 'anything', 'csv'],
  ['x.CSV', COMBINED, 'csv'],
  ['x.jsonl', 'anything', 'jsonl'],
  ['x.ndjson', 'anything', 'jsonl'],
  ['x.log', COMBINED, 'combined'],
  ['x.log', COMBINED.replace('Mozilla', 'a, b'), 'combined'],
  ['x.log', '{"time":1}', 'jsonl'],
  ['x.log', 'time,address', 'csv'],
  ['access.log.1', COMMON, 'combined'],
  ['/dev/stdin', 'time,address', 'csv'],
  ['a.csv/log', COMMON, 'combined'],
  ['x', 'garbage', 'combined'],
])('should guess the format of %s', (file, line, expected) => {
  expect(guessFormat(file, line)).toBe(expected);
});
