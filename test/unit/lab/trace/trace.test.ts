import { type Arrival, readTrace, type TraceOptions } from 'headgate/lab';
import { expect, it } from 'vitest';

/** The arrivals of a log that comes in pieces of `size`. */
async function read(text: string, options?: TraceOptions, size = 7): Promise<Arrival[]> {
  async function* pieces(): AsyncGenerator<string> {
    for (let i = 0; i < text.length; i += size) yield text.slice(i, i + size);
  }
  const arrivals: Arrival[] = [];
  for await (const arrival of readTrace(pieces(), options)) arrivals.push(arrival);
  return arrivals;
}

const CSV = 'time,who,n,m\n10,a,3,4\n12,b,1,0\n11,"a",2,2\n';

it('should read a log in time order, with key and cost', async () => {
  const mapping = { partition: new Map([['account', 'who']]), cost: new Map([['tokens', ['n', 'm']]]) };
  const descriptor = (account: string, tokens: number) => ({ account, cost: { requests: 1, tokens } });
  expect(await read(CSV, { mapping })).toEqual([
    { at: 10_000, key: 'a', cost: 7, descriptor: descriptor('a', 7) },
    { at: 11_000, key: 'a', cost: 4, descriptor: descriptor('a', 4) },
    { at: 12_000, key: 'b', cost: 1, descriptor: descriptor('b', 1) },
  ]);
});

it('should take everybody for one where nobody is named', async () => {
  expect((await read(CSV)).map(({ key, cost }) => [key, cost])).toEqual([
    ['everybody', 1],
    ['everybody', 1],
    ['everybody', 1],
  ]);
});

it('should count what comes too late as if it were asked then', async () => {
  const text = 'time\n100\n200\n150\n199\n300\n';
  const ats = async (lateness: '20s' | '2m') =>
    (await read(text, { lateness, format: 'csv' }, 4)).map(({ at }) => at / 1000);
  expect(await ats('2m')).toEqual([100, 150, 199, 200, 300]);
  expect(await ats('20s')).toEqual([100, 150, 199, 200, 300]);
  const late = 'time\n100\n200\n230\n150\n300\n';
  expect((await read(late, { lateness: '20s', format: 'csv' }, 4)).map(({ at }) => at / 1000)).toEqual([
    100, 200, 200, 230, 300,
  ]);
});

it('should keep no more than the last lines in mind', async () => {
  let most = 0;
  let given = 0;
  async function* pieces(): AsyncGenerator<string> {
    for (let i = 0; i < 1000; i++) {
      yield Array.from({ length: 10 }, () => `{"time":${1000 + given++}}\n`).join('');
    }
  }
  let taken = 0;
  for await (const _ of readTrace(pieces(), { lateness: '50s' })) {
    most = Math.max(most, given - taken);
    taken += 1;
  }
  expect(taken).toBe(10_000);
  expect(most).toBeLessThan(70);
});

it('should name lines that cannot be read', async () => {
  const told: [number, string][] = [];
  const arrivals = await read('{"time":1}\n{"time":"x"}\nno\n', { unreadable: (...line) => told.push(line) });
  expect(arrivals).toHaveLength(1);
  expect(told).toEqual([
    [2, '"time" holds no instant: "x"'],
    [3, 'not a JSON object'],
  ]);
});

it('should refuse a column that the log does not have', async () => {
  await expect(read(CSV, { mapping: { at: 'tim' } })).rejects.toMatchObject({
    name: 'PolicyError',
    path: 'at',
    message: expect.stringContaining('did you mean "time"?'),
  });
});
