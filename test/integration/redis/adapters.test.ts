/** Every adapter does what the contract says with an engine whose usage is in a server, too. */

import { describe } from 'vitest';
import { describeAdapter } from '../../contract/adapter.ts';
import { FUNCTIONS, HOSTS } from '../../fixtures/adapter-hosts.ts';
import { inRedis } from '../../fixtures/keepings.ts';
import { ioredis, lacksServer, startServer } from '../../fixtures/redis.ts';

describe.skipIf(lacksServer())('in a store', async () => {
  const server = lacksServer() ? undefined : await startServer();
  const keep = inRedis(ioredis(server?.port ?? 0));
  for (const [name, start] of Object.entries(HOSTS)) describeAdapter(name, start, { keep });
  for (const [name, start] of Object.entries(FUNCTIONS))
    describeAdapter(name, start, { keep, isStreaming: false });
});
