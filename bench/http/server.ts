/**
 * One server in a process of its own: `server.js framework guard quota` prints its port, then, for each line it is sent,
 * the microseconds of processor time it has used, and ends with its parent.
 */
import { listenExpress } from './express.ts';
import { listenFastify } from './fastify.ts';
import { listenHono } from './hono.ts';
import type { Guard } from './site.ts';

const LISTENERS: Readonly<Record<string, (guard: Guard, quota: number) => Promise<number>>> = {
  express: listenExpress,
  fastify: listenFastify,
  hono: listenHono,
};

const [, , framework = '', guard = '', quota = ''] = process.argv;
const listen = LISTENERS[framework];
if (listen === undefined) throw new Error(`unknown framework ${framework}`);
console.log(await listen(guard as Guard, Number(quota)));
process.stdin.on('data', () => {
  const { user, system } = process.cpuUsage();
  console.log(user + system);
});
process.stdin.on('end', () => process.exit());
