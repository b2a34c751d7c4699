/**
 * Packs the package, installs it in an empty folder as a user would, and runs the checks there in one runtime after the
 * other. Without arguments those that CI runs; `--all` for all of them; names for single ones. Linux on x64.
 *
 * @module
 */

import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RUNTIMES } from './runtimes.js';

const here = fileURLToPath(new URL('.', import.meta.url));
const root = join(here, '..', '..');

/** A folder with the packed package installed, the checks and the example beside it. */
function install() {
  const folder = mkdtempSync(join(tmpdir(), 'headgate-'));
  const npm = (...args) => execFileSync('npm', args, { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] });
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }\n');
  npm('pack', root, '--ignore-scripts', '--silent');
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz'));
  npm(
    'install',
    `./${tarball}`,
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--silent',
    '--prefer-offline',
  );
  for (const name of readdirSync(here).filter((name) => name.endsWith('.js') || name === 'hosts'))
    cpSync(join(here, name), join(folder, name), { recursive: true });
  cpSync(join(root, 'docs/examples/durable-object'), join(folder, 'example'), { recursive: true });
  return { folder, tarball: join(folder, tarball) };
}

async function tryIn({ name, find, run }, place) {
  try {
    const found = await find();
    if (found === undefined) return { name, missing: true };
    return { name, version: found.version, results: await run(found, place) };
  } catch (error) {
    return { name, results: [{ name: 'starting it', error: String(error?.stack ?? error) }] };
  }
}

const asked = process.argv.slice(2);
const isChosen = ({ name, inCi }) =>
  asked.includes('--all') || (asked.length === 0 ? inCi : asked.includes(name));
const unknown = asked.filter(
  (name) => name !== '--all' && RUNTIMES.every((runtime) => runtime.name !== name),
);
if (unknown.length > 0)
  throw new Error(
    `no runtime ${unknown.join(', ')}; there are ${RUNTIMES.map(({ name }) => name).join(', ')}`,
  );
const place = install();
let [passed, failed, skipped] = [0, 0, 0];
try {
  for (const runtime of RUNTIMES.filter(isChosen)) {
    const { name, version = '', missing, results = [] } = await tryIn(runtime, place);
    const faults = results.filter(({ error }) => error !== undefined);
    // Where CI looks for a runtime it has to be there.
    const isFailed = faults.length > 0 || (missing && process.env.CI !== undefined);
    const told = missing
      ? 'not installed here: skipped'
      : `${results.length - faults.length} of ${results.length}`;
    console.log(`${isFailed ? '✗' : missing ? '-' : '✓'} ${name.padEnd(16)} ${version.padEnd(14)} ${told}`);
    for (const { name, error } of faults)
      console.log(`    ${name}\n      ${error.replaceAll('\n', '\n      ')}`);
    if (missing) skipped++;
    if (missing && isFailed) failed++;
    passed += results.length - faults.length;
    failed += faults.length;
  }
} finally {
  rmSync(place.folder, { recursive: true, force: true });
}
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
if (failed > 0 || passed === 0) process.exitCode = 1;
