/** Programs: started, spoken to, ended. */
import { execFile, spawn } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** What a program prints, which has to be JSON on its last line; its complaints if it fails. */
export async function results(program, args, cwd) {
  const { stdout } = await run(program, args, { cwd, timeout: 120_000, maxBuffer: 2 ** 24 });
  return JSON.parse(stdout.trim().split('\n').at(-1));
}

/** The version a program tells. */
export async function version(program) {
  const { stdout } = await run(program, ['--version'], { timeout: 60_000 });
  return /\d[\w.-]+/.exec(stdout)?.[0] ?? stdout.trim();
}

/** A program that goes on until it is killed; `fd3` collects what it writes there. */
export function start(program, args, cwd) {
  const child = spawn(program, args, { cwd, stdio: ['pipe', 'pipe', 'pipe', 'pipe'] });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const kill = () => {
    child.kill('SIGKILL');
    return ended;
  };
  return { child, kill, ended };
}

/** Waits until `isSo()`; fails after ten seconds, which no honest run takes. */
export async function until(isSo, what) {
  for (const end = Date.now() + 10_000; !(await isSo()); ) {
    if (Date.now() > end) throw new Error(`it never came: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Runs checks that depend on each other, in order, into results. */
export async function inOrder(checks) {
  const all = [];
  for (const [name, check] of Object.entries(checks)) {
    try {
      await check();
      all.push({ name });
    } catch (error) {
      all.push({ name, error: String(error?.stack ?? error) });
    }
  }
  return all;
}
