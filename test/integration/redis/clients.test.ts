/** The same store over every client, on real servers. */

import { Redis as Upstash } from '@upstash/redis';
import { createDistributedEngine } from 'headgate/distributed';
import { redisStore } from 'headgate/redis';
import { Redis as Iovalkey } from 'iovalkey';
import { createClient, createCluster } from 'redis';
import { createClient as createClient4 } from 'redis-v4';
import { afterAll, describe, expect, it } from 'vitest';
import { describeRedisStore } from '../../contract/redis-store.ts';
import { ioredis, lacksServer, startServer } from '../../fixtures/redis.ts';
import { clusterClient, startCluster } from '../../fixtures/redis-cluster.ts';
import { startUpstash } from '../../fixtures/upstash.ts';

if (lacksServer()) it.skip('needs redis-server');
else await describeClients();

async function describeClients(): Promise<void> {
  const { port } = await startServer();
  const look = ioredis(port);
  const url = `redis://127.0.0.1:${port}`;
  const closing: (() => unknown)[] = [];
  afterAll(() => Promise.all(closing.map((close) => close())));

  const five = await createClient({ url })
    .on('error', () => undefined)
    .connect();
  const four = createClient4({ url }).on('error', () => undefined);
  await four.connect();
  const valkey = new Iovalkey({ port, host: '127.0.0.1' });
  closing.push(
    () => five.destroy(),
    () => four.disconnect(),
    () => valkey.disconnect(),
  );
  const upstash = new Upstash({ url: await startUpstash(look), token: 'any' });
  const nodes = await startCluster();
  const cluster = clusterClient(nodes);
  const cluster5 = createCluster({
    rootNodes: nodes.map((node) => ({ url: `redis://127.0.0.1:${node.port}` })),
  });
  await cluster5.on('error', () => undefined).connect();
  closing.push(() => cluster5.destroy());

  describeRedisStore('ioredis', () => ({ client: look, look }));
  describeRedisStore('redis 5', () => ({ client: five, look }));
  describeRedisStore('redis 4', () => ({ client: four, look }));
  describeRedisStore('iovalkey', () => ({ client: valkey, look }));
  describeRedisStore('upstash', () => ({ client: upstash, look }));
  describeRedisStore('ioredis on a cluster', () => ({ client: cluster, look: ioredis(nodes[0]?.port ?? 0) }));
  describeRedisStore('redis 5 on a cluster', () => ({
    client: cluster5,
    look: ioredis(nodes[1]?.port ?? 0),
  }));

  describe('an engine on a cluster', () => {
    const limits = {
      keys: { algorithm: 'fixed-window', quota: 3, window: '1h', per: 'apiKey' },
      calls: { algorithm: 'fixed-window', quota: 3, window: '1h', per: 'call' },
    } as const;
    const groups = { say: { limits: ['keys', 'calls'] } } as const;

    it('should be refused where limits cannot share a slot, and built where there is one place', () => {
      const policy = { version: 1, limits, groups, unmatched: 'deny' } as const;
      expect(() => createDistributedEngine(policy, { store: redisStore({ client: cluster }) })).toThrow(
        /groups\.say\.limits: in a cluster, .* per \(apiKey\), \(call\)/,
      );
      expect(() => createDistributedEngine(policy, { store: redisStore({ client: cluster5 }) })).toThrow(
        'in a cluster',
      );
      expect(() => createDistributedEngine(policy, { store: redisStore({ client: look }) })).not.toThrow();
    });
  });
}
