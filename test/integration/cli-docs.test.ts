/** The commands of docs/cli.md, run on what it shows: they print what it says. */

import { existsSync } from 'node:fs';
import { copyFile, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Folder, makeFolder, run } from '../fixtures/command-line.ts';
import { samples } from '../fixtures/samples.ts';

const APACHE = fileURLToPath(new URL('../../../shared/traces/apache-access.log', import.meta.url));
const isMissing = !existsSync(APACHE) && process.env.CI !== 'true';
if (isMissing) console.warn('skipped: the trace ../shared/traces/apache-access.log is not here');

const all = samples().filter(({ at }) => at.startsWith('docs/cli.md'));
const commands = all.flatMap(({ language, code }, i) =>
  language === 'sh' ? [{ command: code.trim(), output: all[i + 1]?.code ?? '' }] : [],
);
const runnable = commands.filter(({ command }) => !isMissing || !command.includes('access.log'));

let folder: Folder;
beforeAll(async () => {
  folder = await makeFolder();
  const [policy, stricter] = all.filter(({ language }) => language === 'json');
  await folder.write('policy.json', policy?.code ?? '');
  await folder.write('stricter.json', stricter?.code ?? '');
  if (!isMissing) await copyFile(APACHE, folder.path('access.log'));
});
afterAll(() => folder.remove());

/** The words of a command as a shell would split them, and files where they are. */
function wordsOf(command: string): string[] {
  const words = [...command.matchAll(/'([^']*)'|\S+/g)].map(([word, quoted]) => quoted ?? word);
  return words.slice(1).map((word) => (/^\w+\.(?:json|log)$/.test(word) ? folder.path(word) : word));
}

describe('docs/cli.md', () => {
  it('should show a command for each', () => {
    expect(commands.map(({ command }) => command.split(' ')[1])).toEqual([
      'check',
      'explain',
      'simulate',
      'diff',
      'compare',
    ]);
  });

  it.each(runnable.map((each) => [each.command, each.output]))(
    'should print what it says: %s',
    async (command, output) => {
      const { code, stdout, stderr } = await run(...wordsOf(command));
      expect([code, stderr]).toEqual([0, '']);
      expect(stdout.replaceAll(folder.path('x').slice(0, -1), '')).toBe(output);
    },
  );

  it('should have every option that --help tells of', async () => {
    const text = await readFile(new URL('../../docs/cli.md', import.meta.url), 'utf8');
    for (const [, command = ''] of (await run('--help')).stdout.matchAll(/^ {2}([a-z]+) /gm)) {
      const { stdout } = await run(command, '--help');
      for (const [option] of stdout.matchAll(/^ {2}--[a-z-]+/gm))
        expect(text).toContain(`\`${option.trim()}`);
    }
  });
});
