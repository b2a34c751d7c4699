/** A Redis server of the bench's own, on a free port, which keeps nothing. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';

const PROGRAM = ['redis-server', 'valkey-server'].find(
  (program) => spawnSync(program, ['--version']).status === 0,
);

export interface RedisServer {
  readonly port: number;
  /** A connection for looking at the server. */
  readonly look: Redis;
  readonly stop: () => void;
}

/** @returns `undefined` where none is installed */
export async function startRedis(): Promise<RedisServer | undefined> {
  if (PROGRAM === undefined) return undefined;
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'headgate-bench-'));
  const args = [
    '--port',
    `${port}`,
    '--bind',
    '127.0.0.1',
    '--save',
    '',
    '--appendonly',
    'no',
    '--dir',
    folder,
  ];
  const child = spawn(PROGRAM, args, { stdio: 'ignore' });
  const look = new Redis({ port, host: '127.0.0.1', retryStrategy: () => 20, maxRetriesPerRequest: 250 });
  look.on('error', () => undefined);
  await look.ping();
  const stop = (): void => {
    look.disconnect();
    child.kill();
    rmSync(folder, { recursive: true, force: true });
  };
  return { port, look, stop };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** What the server has done so far. */
export interface Load {
  readonly calls: number;
  readonly commands: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly busy: number;
}

/** Calls of scripts, commands with theirs, bytes of the network, and microseconds of its processor. */
export async function loadOf(look: Redis): Promise<Load> {
  const info = await look.info('everything');
  const read = (name: string): number => Number(new RegExp(`^${name}:([\\d.]+)`, 'm').exec(info)?.[1]);
  const stats = [...info.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)].filter(([, name]) => name !== 'info');
  return {
    calls: stats.reduce((sum, [, name, calls]) => sum + (name === 'evalsha' ? Number(calls) : 0), 0),
    commands: stats.reduce((sum, [, , calls]) => sum + Number(calls), 0),
    bytesIn: read('total_net_input_bytes'),
    bytesOut: read('total_net_output_bytes'),
    busy: (read('used_cpu_user') + read('used_cpu_sys')) * 1e6,
  };
}

export async function memoryOf(look: Redis): Promise<number> {
  return Number(/^used_memory:(\d+)/m.exec(await look.info('memory'))?.[1]);
}
