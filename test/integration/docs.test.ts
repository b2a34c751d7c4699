import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { createEngine, parsePolicy } from 'headgate';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { lacksServer, startServer } from '../fixtures/redis.ts';
import { announced, samples } from '../fixtures/samples.ts';

const folder = fileURLToPath(new URL('../.samples/', import.meta.url));
const all = samples();
const programs = all
  .filter(({ language }) => language === 'ts')
  .map((sample) => ({ ...sample, file: `${folder}${sample.at.replace(/\W/g, '-')}.ts` }));

describe('the samples of the README and the guides', () => {
  beforeAll(async () => {
    if (!lacksServer()) process.env.REDIS_PORT = `${(await startServer()).port}`;
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder);
    for (const { file, code } of programs) writeFileSync(file, `${code}\nexport {};\n`);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('should compile', () => {
    const config = ts.readConfigFile(
      fileURLToPath(new URL('../../tsconfig.json', import.meta.url)),
      ts.sys.readFile,
    );
    const base = fileURLToPath(new URL('../../', import.meta.url));
    const { options } = ts.parseJsonConfigFileContent(config.config, ts.sys, base);
    const program = ts.createProgram(
      programs.map(({ file }) => file),
      { ...options, isolatedDeclarations: false },
    );
    const faults = ts.getPreEmitDiagnostics(program).map((fault) => {
      const where = programs.find(({ file }) => file === fault.file?.fileName)?.at ?? fault.file?.fileName;
      return `${where}: ${ts.flattenDiagnosticMessageText(fault.messageText, '\n')}`;
    });
    expect(faults).toEqual([]);
  });

  it.for(programs)('should print what $at says', async ({ file, code }, { skip }) => {
    skip(code.includes('REDIS_PORT') && lacksServer(), 'redis-server is not installed');
    const log = vi.spyOn(console, 'log').mockImplementation(() => undefined);
    try {
      await import(/* @vite-ignore */ pathToFileURL(file).href);
      const printed = log.mock.calls.map((values) => values.map(String).join(' '));
      expect(printed).toEqual(announced(code));
    } finally {
      log.mockRestore();
    }
  });

  it.each(all.filter(({ language }) => language === 'json'))('should be a sound policy: $at', ({ code }) => {
    const policy: unknown = JSON.parse(code);
    expect(() => createEngine(parsePolicy(policy))).not.toThrow();
  });

  it('should be of no other language that could go stale', () => {
    // Shell commands and their output are run by other tests; `text` is output, figures and formulas.
    const unknown = all.filter(({ language }) => !['ts', 'json', 'sh', 'text'].includes(language));
    expect(unknown.map(({ at, language }) => `${at}: ${language}`)).toEqual([]);
  });
});
