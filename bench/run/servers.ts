/** Starts servers, each in a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Guard } from '../http/site.ts';

const program = fileURLToPath(new URL('server.js', import.meta.url));

export interface Server {
  readonly port: number;
  /** Processor time it has used, in microseconds. */
  readonly busy: () => Promise<number>;
  readonly stop: () => void;
}

export async function startServer(framework: string, guard: Guard, quota: number): Promise<Server> {
  const child = spawn(process.execPath, [program, framework, guard, String(quota)], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, NODE_ENV: 'production' },
  });
  const port = await numberFrom(child);
  const busy = (): Promise<number> => {
    child.stdin?.write('?\n');
    return numberFrom(child);
  };
  return { port, busy, stop: () => child.kill() };
}

function numberFrom(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    const gone = (code: number | null): void => reject(new Error(`server ended with code ${code}`));
    child.once('exit', gone);
    child.stdout?.once('data', (bytes) => {
      child.off('exit', gone);
      resolve(Number(String(bytes)));
    });
  });
}
