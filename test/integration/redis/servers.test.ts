/** The store on the other servers that are installed; `HEADGATE_SERVER=valkey-server` has all tests run on that one. */

import { Redis as Iovalkey } from 'iovalkey';
import { afterAll, it } from 'vitest';
import { describeRedisStore } from '../../contract/redis-store.ts';
import { ioredis, lacksServer, OTHER_SERVERS, startServer } from '../../fixtures/redis.ts';

if (OTHER_SERVERS.length === 0) {
  lacksServer();
  console.warn('skipped, no second server is installed: the store on valkey-server');
  it.skip('needs a second server');
}
for (const program of OTHER_SERVERS) {
  const { port } = await startServer([], program);
  const look = ioredis(port);
  const valkey = new Iovalkey({ port, host: '127.0.0.1' });
  afterAll(() => valkey.disconnect());
  describeRedisStore(`ioredis on ${program}`, () => ({ client: look, look }));
  describeRedisStore(`iovalkey on ${program}`, () => ({ client: valkey, look }));
}
