import { expect, it } from 'vitest';
import { share, table, wrapped } from '../../../src/cli/layout.ts';

it('should line columns up, the first to the left and numbers to the right', () => {
  expect(
    table([
      ['name', 'n'],
      ['a', '1,000'],
      ['longer', ''],
    ]),
  ).toBe('name        n\na       1,000\nlonger\n');
});

it('should cut what would make a table wider than 100 columns', () => {
  const row = (name: string): string[] => [name, '1'.repeat(20), '2'.repeat(20)];
  const [exact = '', clipped = ''] = table([row('x'.repeat(56)), row('y'.repeat(57))]).split('\n');
  expect(exact).toBe(`${'x'.repeat(56)}  ${'1'.repeat(20)}  ${'2'.repeat(20)}`);
  expect(clipped).toBe(`${'y'.repeat(55)}…  ${'1'.repeat(20)}  ${'2'.repeat(20)}`);
});

it('should break lines at spaces, and indent what follows', () => {
  const words = Array.from({ length: 40 }, () => 'word').join(' ');
  const lines = wrapped(`+ ${words}`, '    ', '');
  expect(lines.every((line) => line.length <= 100)).toBe(true);
  expect(lines[0]).toMatch(/^\+ word/);
  expect(lines.slice(1).every((line) => line.startsWith('    word'))).toBe(true);
  expect(lines.map((line) => line.trim()).join(' ')).toBe(`+ ${words}`);
  expect(wrapped('x'.repeat(120), '  ')).toEqual([`  ${'x'.repeat(120)}`]);
});

it('should let nothing move the cursor', () => {
  expect(wrapped('a\u202eb\nc', '')).toEqual(['a\\u202eb\\u000ac']);
});

it('should write shares of nothing as nothing', () => {
  expect([share(1, 3), share(0, 0)]).toEqual(['33.3 %', '']);
});
