import { fixedWindow } from 'headgate';
import type { StoreRequest } from 'headgate/distributed';
import { redisStore } from 'headgate/redis';
import { describe, expect, it } from 'vitest';

const plan = fixedWindow({ quota: 3, window: '1h' });

function request(id: string): StoreRequest {
  const partition = { fields: ['account'], slot: ['account'], isShadow: false };
  const limits = [{ name: 'reads', plan, cost: 1 }];
  return { id, mode: 'charge', rows: [{ partition, values: [id], limits, permits: [] }] };
}

/** A client that answers as told, and what was sent. */
function fake(answers: readonly (string | Error | Promise<string>)[]) {
  const sent: string[][] = [];
  const client = {
    defineCommand: () => undefined,
    script: async () => 'digest',
    eval: async () => undefined,
    evalsha: async (...args: string[]) => {
      sent.push(args);
      const answer = answers[sent.length - 1];
      if (answer instanceof Error) throw answer;
      return answer;
    },
  };
  return { sent, store: redisStore({ client: client as never }) };
}

const REPLY = '1763799120 123456;1 0 0 0 0 0;1 0 1763799000000000 0 1763799000000 1';

describe('calls of the Redis store', () => {
  it('should be sent again as they were when it is not known whether they were done', async () => {
    const { sent, store } = fake([new Error('connection lost'), REPLY, REPLY]);
    const decide = (): Promise<PromiseSettledResult<unknown>[]> =>
      Promise.allSettled([store.decide(request('a')), store.decide(request('b'))]);
    expect((await decide()).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    const again = await decide();
    expect(again.map((each) => each.status === 'fulfilled' && each.value)).toMatchObject([
      { agreed: true, now: 1_763_799_120_123, rows: [{ born: 1_763_799_120_123_456, cells: [0, 0] }] },
      { agreed: true, rows: [{ born: 1_763_799_000_000_000, cells: [1_763_799_000_000, 1] }] },
    ]);
    expect(sent).toHaveLength(2);
    expect(sent[1]).toEqual(sent[0]);
    expect(sent[0]?.join(' ')).toContain(' a b ');
    await decide();
    expect(sent[2]).not.toEqual(sent[0]);
  });

  it('should not be sent again for an operation that is asked for in another way', async () => {
    const { sent, store } = fake([new Error('connection lost'), REPLY]);
    await expect(store.decide(request('a'))).rejects.toMatchObject({ code: 'failed' });
    await store.decide({ ...request('a'), mode: 'peek' });
    expect(sent.map((args) => args.find((arg) => /^[a-z]1$/.test(arg)))).toEqual(['c1', 'p1']);
  });

  it('should have lanes of their own while they are under way, else the same, and be numbered', async () => {
    const { sent, store } = fake([REPLY, new Promise(() => undefined), REPLY]);
    await store.decide(request('first'));
    void store.decide(request('hangs'));
    await new Promise((resolve) => setImmediate(resolve));
    await store.decide(request('other'));
    const texts = sent.map((args) => args.join(' '));
    expect(texts.map((text) => /:op:\w+\.(\d+) /.exec(text)?.[1])).toEqual(['0', '0', '1']);
    expect(texts.map((text) => / (\d{12}) /.exec(text)?.[1])).toEqual([
      '000000000001',
      '000000000002',
      '000000000003',
    ]);
  });

  it.each([undefined, '', 'no reply', '1763799120 123456', `${REPLY} 7`, [1, 2], 17])(
    'should refuse %j, which is no reply',
    async (answer) => {
      const { store } = fake([answer as string]);
      const two = [store.decide(request('a')), store.decide(request('b'))];
      const codes = await Promise.all(two.map((each) => each.catch((error) => error.code)));
      expect(codes.at(-1)).toBe('bad-reply');
    },
  );
});
