/** Starts servers, each in a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Guard } from '../http/site.ts';

const program = fileURLToPath(new URL('server.js', import.meta.url));

export interface Server {
  readonly port: number;
  readonly stop: () => void;
}

export async function startServer(framework: string, guard: Guard, quota: number): Promise<Server> {
  const child = spawn(process.execPath, [program, framework, guard, String(quota)], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, NODE_ENV: 'production' },
  });
  return { port: await portOf(child), stop: () => child.kill() };
}

function portOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.stdout?.once('data', (bytes) => resolve(Number(String(bytes))));
    child.once('exit', (code) => reject(new Error(`server ended with code ${code}`)));
  });
}
