import { afterAll, beforeAll, expect, it } from 'vitest';
import { readLogFile } from '../../../src/cli/log-file.ts';
import { type Folder, makeFolder } from '../../fixtures/command-line.ts';

let folder: Folder;
let long: string;
const LINES = 900_000;

beforeAll(async () => {
  folder = await makeFolder();
  long = await folder.write('long.jsonl', '{"a":"\u{1F680}"}\n'.repeat(LINES));
});
afterAll(() => folder.remove());

async function read(file: string, isTTY: boolean): Promise<{ lines: number; shown: string }> {
  let lines = 0;
  let shown = '';
  const sink = {
    columns: () => undefined,
    line: (_number: number, field: (column: string) => string | undefined) => {
      if (field('a') === '\u{1F680}') lines += 1;
    },
    unreadable: () => expect.unreachable(),
  };
  const stderr = (text: string): void => {
    shown += text;
  };
  await readLogFile(file, undefined, sink, { stdout: () => expect.unreachable(), stderr, isTTY });
  return { lines, shown };
}

it('should show how far a long file has been read, to whoever watches', async () => {
  const { lines, shown } = await read(long, true);
  expect(lines).toBe(LINES);
  const [first, ...steps] = shown.split('\r');
  expect([first, ...steps.slice(-2)]).toEqual(['', 'reading 100 %', '\x1b[K']);
  expect(steps.length).toBeGreaterThan(10);
  expect(steps.length).toBeLessThan(110);
});

it('should show nothing to nobody, nor for a short file', async () => {
  expect(await read(long, false)).toEqual({ lines: LINES, shown: '' });
  const short = await folder.write('short.jsonl', '{"a":"\u{1F680}"}\n');
  expect(await read(short, true)).toEqual({ lines: 1, shown: '' });
});

it('should fail in one line for a file that is not there', async () => {
  await expect(read(folder.path('nowhere'), true)).rejects.toThrow(/nowhere: no such file$/);
});
