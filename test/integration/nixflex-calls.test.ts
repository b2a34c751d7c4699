import {
  createEngine,
  type Engine,
  type ManualClock,
  type Millis,
  manualClock,
  type PolicyDocument,
} from 'headgate';
import type { BatchProgress } from 'headgate/batch';
import { beforeEach, describe, expect, it } from 'vitest';

interface Account {
  readonly account: string;
  readonly tier?: string;
}

interface Sender {
  sendAll(
    messages: Iterable<string>,
    send: (message: string, from: string) => void,
    signal?: AbortSignal,
  ): Promise<void>;
}

interface Programs {
  readonly policy: PolicyDocument;
  dial<T>(engine: Engine, account: Account, talk: () => Promise<T>, signal?: AbortSignal): Promise<T>;
  pickUp(
    engine: Engine,
    account: Account,
    talk: () => Promise<unknown>,
  ): Promise<{ readonly status: number; readonly body: string | null }>;
  runCampaign<T>(
    engine: Engine,
    who: Account & { readonly campaign: string },
    campaign: {
      readonly agent_id: string;
      readonly recipients: readonly string[];
      readonly max_concurrent?: number;
    },
    talk: (recipient: string, agent: string) => Promise<T>,
    options?: { readonly onProgress?: (progress: BatchProgress) => void; readonly signal?: AbortSignal },
  ): Promise<PromiseSettledResult<T>[]>;
  createSender(
    engine: Engine,
    numbers: readonly (string | { readonly name: string; readonly quotas: { readonly sms: number } })[],
  ): Sender;
  play<T>(clock: ManualClock, work: () => Promise<T>): Promise<T>;
}

const load = async (name: string): Promise<object> =>
  import(
    /* @vite-ignore */ new URL(`../../docs/examples/nixflex/${name}.js`, import.meta.url).href
  ) as Promise<object>;
const { policy, dial, pickUp, runCampaign, createSender, play } = Object.assign(
  {},
  ...(await Promise.all(['policy', 'calls', 'campaign', 'sms', 'simulated-time'].map(load))),
) as Programs;

const STARTER: Account = { account: 'acct_small', tier: 'starter' };
const BUSY = { status: 486, body: '{"error":"busy"}' };
const list = (count: number, name: string): string[] =>
  Array.from({ length: count }, (_, i) => `${name}_${i}`);

describe('Nixflex: calls, campaigns and SMS in simulated time', () => {
  let clock: ManualClock;
  let engine: Engine;
  /** Calls that run now, and the most that ever did. */
  let running: number;
  let most: number;

  const talk = async (length: Millis = 90_000): Promise<void> => {
    most = Math.max(most, ++running);
    await clock.sleep(length);
    running--;
  };
  const heldCalls = (): number | undefined => engine.stats().permits.calls?.held;

  beforeEach(() => {
    clock = manualClock(1_715_901_200_400);
    engine = createEngine(policy, { clock });
    running = 0;
    most = 0;
  });

  describe('the limit of an account (N6)', () => {
    it.each<[Account, number]>([
      [{ account: 'acct_small' }, 10],
      [{ account: 'acct_small', tier: 'payg' }, 10],
      [STARTER, 25],
      [{ account: 'acct_small', tier: 'scale' }, 100],
      [{ account: 'acct_huge', tier: 'enterprise' }, 250],
    ])('should let %j run %d calls at once, whichever way they go', async (account, limit) => {
      await play(clock, async () => {
        const calls = list(limit, 'call').map((_, i) =>
          i % 2 === 0 ? dial(engine, account, () => talk()) : pickUp(engine, account, () => talk()),
        );
        expect(heldCalls()).toBe(limit);
        expect(await pickUp(engine, account, () => talk())).toEqual(BUSY);
        await Promise.all(calls);
      });
      expect(most).toBe(limit);
      expect(heldCalls()).toBe(0);
    });

    it('should want a quota of its own for an enterprise account, and take it from the request too', async () => {
      const account = { account: 'acct_new', tier: 'enterprise' };
      await expect(dial(engine, account, () => talk())).rejects.toThrow(/no quota of its own/);
      const call = engine.tryAcquire({ group: 'inbound-call', ...account, quotas: { calls: 1 } });
      expect(call).toMatchObject({ allowed: true, quota: 1, remaining: 0 });
    });

    it('should keep accounts apart', async () => {
      await play(clock, async () => {
        const calls = list(40, 'call').map(() => dial(engine, { account: 'acct_stuck' }, () => talk()));
        expect(await pickUp(engine, { account: 'acct_other' }, async () => undefined)).toMatchObject({
          status: 200,
        });
        await Promise.all(calls);
      });
    });
  });

  it('should queue outbound calls and start them in order, each as a call ends (N7)', async () => {
    const started: [call: number, at: Millis][] = [];
    const start = clock.now();
    await play(clock, async () => {
      const calls = list(20, 'call').map((_, i) =>
        dial(engine, { account: 'acct_small' }, async () => {
          started.push([i, clock.now() - start]);
          // The first ten end one after the other, the last of them first.
          await talk(i < 10 ? (10 - i) * 1000 : 60_000);
        }),
      );
      expect(started).toHaveLength(0);
      expect(engine.stats().waiting).toBe(10);
      await Promise.all(calls);
    });
    expect(started).toEqual(list(20, 'call').map((_, i) => [i, i < 10 ? 0 : (i - 9) * 1000]));
    expect(most).toBe(10);
  });

  it('should take a caller who gives up out of the queue, and start the next (N7)', async () => {
    const gone = new AbortController();
    const started: number[] = [];
    await play(clock, async () => {
      const calls = list(12, 'call').map((_, i) =>
        dial(
          engine,
          { account: 'acct_small' },
          async () => {
            started.push(i);
            await talk();
          },
          i === 10 ? gone.signal : undefined,
        ),
      );
      gone.abort(new Error('hung up'));
      await expect(calls[10]).rejects.toThrow('hung up');
      await Promise.all(calls.filter((_, i) => i !== 10));
    });
    expect(started).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11]);
  });

  it('should give inbound calls over the limit a busy signal at once, and never queue them (N8)', async () => {
    await play(clock, async () => {
      const calls = list(10, 'call').map(() => dial(engine, { account: 'acct_small' }, () => talk()));
      const before = clock.now();
      expect(await pickUp(engine, { account: 'acct_small' }, () => talk())).toEqual(BUSY);
      expect(clock.now()).toBe(before);
      expect(engine.stats().waiting).toBe(0);
      await Promise.all(calls);
      expect(await pickUp(engine, { account: 'acct_small' }, () => talk())).toMatchObject({ status: 200 });
    });
  });

  it('should take the permit back from a call that outlives its lease of four hours', async () => {
    await play(clock, async () => {
      let signal: AbortSignal | undefined;
      const forgotten = engine.run({ group: 'outbound-call', ...STARTER }, async (call) => {
        signal = call.signal;
        await clock.sleep('5h');
        return call.release();
      });
      await clock.sleep('14399999ms');
      expect([heldCalls(), signal?.aborted]).toEqual([1, false]);
      await clock.sleep('1ms');
      expect([heldCalls(), signal?.aborted]).toEqual([0, true]);
      expect(await forgotten).toBe(false);
    });
  });

  describe('campaigns', () => {
    const campaign = (recipients: number, max_concurrent?: number) => ({
      agent_id: 'agent_xxx',
      recipients: list(recipients, 'recipient'),
      ...(max_concurrent !== undefined && { max_concurrent }),
    });
    const who = (account: Account, name = 'spring') => ({ ...account, campaign: name });

    it('should call 1,000 recipients on a plan of 25 in 40 waves of 90 s (N9)', async () => {
      const start = clock.now();
      const startedAt: Millis[] = [];
      const called: string[] = [];
      const reports: BatchProgress[] = [];
      const results = await play(clock, () =>
        runCampaign(
          engine,
          who(STARTER),
          campaign(1000),
          async (recipient, agent) => {
            startedAt.push(clock.now() - start);
            called.push(recipient);
            await talk();
            return agent;
          },
          { onProgress: (progress) => reports.push(progress) },
        ),
      );
      expect(clock.now() - start).toBe(3_600_000);
      expect(startedAt).toEqual(list(1000, '').map((_, i) => Math.floor(i / 25) * 90_000));
      expect(called).toEqual(list(1000, 'recipient'));
      expect(results).toHaveLength(1000);
      expect(results.every((each) => each.status === 'fulfilled' && each.value === 'agent_xxx')).toBe(true);
      expect(most).toBe(25);
      expect(reports.at(-1)).toEqual({
        done: 1000,
        failed: 0,
        running: 0,
        total: 1000,
        elapsedMs: 3_600_000,
        etaMs: 0,
      });
      const halfway = reports.find(({ done, running }) => done === 500 && running === 25);
      expect(halfway).toMatchObject({ elapsedMs: 1_800_000, etaMs: 1_800_000 });
      expect(heldCalls()).toBe(0);
    });

    it('should never run more than max_concurrent, and leave the rest to inbound calls (N10)', async () => {
      const start = clock.now();
      let campaignRunning = 0;
      let mostOfCampaign = 0;
      await play(clock, async () => {
        const done = runCampaign(engine, who(STARTER), campaign(50, 5), async () => {
          mostOfCampaign = Math.max(mostOfCampaign, ++campaignRunning);
          await clock.sleep('90s');
          campaignRunning--;
        });
        await clock.sleep('45s');
        // Five of twenty-five are the campaign's: twenty callers get through, and the next does not.
        const inbound = list(20, 'call').map(() => pickUp(engine, STARTER, () => talk(1000)));
        expect(await pickUp(engine, STARTER, () => talk(1000))).toEqual(BUSY);
        expect((await Promise.all(inbound)).map(({ status }) => status)).toEqual(Array(20).fill(200));
        await done;
      });
      expect(mostOfCampaign).toBe(5);
      expect(clock.now() - start).toBe(900_000);
    });

    it("should run no more than the account's limit where max_concurrent is higher (N10)", async () => {
      await play(clock, () =>
        runCampaign(engine, who({ account: 'acct_small' }), campaign(30, 500), () => talk()),
      );
      expect(most).toBe(10);
    });

    it('should not hold up a sibling that has permits of its own left (N10)', async () => {
      const start = clock.now();
      const ends: Record<string, Millis> = {};
      const run = async (name: string, recipients: number, max?: number): Promise<void> => {
        await runCampaign(engine, who(STARTER, name), campaign(recipients, max), () => talk());
        ends[name] = clock.now() - start;
      };
      await play(clock, () => Promise.all([run('slow', 10, 1), run('fast', 48, 24)]));
      expect(ends).toEqual({ slow: 900_000, fast: 180_000 });
      expect(most).toBe(25);
    });

    it('should call on when a call fails, and give every permit back (N9)', async () => {
      const results = await play(clock, () =>
        runCampaign(engine, who(STARTER), campaign(100), async (recipient) => {
          await talk();
          if (recipient === 'recipient_7') throw new Error('no answer');
        }),
      );
      expect(results.flatMap(({ status }, i) => (status === 'rejected' ? [i] : []))).toEqual([7]);
      expect(heldCalls()).toBe(0);
    });

    it('should stop when it is told to: calls in progress end, no other starts', async () => {
      const stop = new AbortController();
      let calls = 0;
      await play(clock, async () => {
        const done = runCampaign(
          engine,
          who(STARTER),
          campaign(1000),
          async () => {
            calls++;
            await talk();
          },
          { signal: stop.signal },
        );
        await clock.sleep('100s');
        stop.abort(new Error('enough'));
        await expect(done).rejects.toThrow('enough');
      });
      expect(calls).toBe(50);
      expect([heldCalls(), running, engine.stats().waiting]).toEqual([0, 0, 0]);
    });
  });

  describe('SMS (N11)', () => {
    const sent = async (
      numbers: Parameters<Programs['createSender']>[1],
      messages: number,
    ): Promise<[from: string, at: Millis, message: string][]> => {
      const start = clock.now();
      const log: [string, Millis, string][] = [];
      await play(clock, () =>
        createSender(engine, numbers).sendAll(list(messages, 'message'), (message, from) => {
          log.push([from, clock.now() - start, message]);
        }),
      );
      return log;
    };

    it('should send 30 messages from 3 numbers in 9 s, round robin, one a second from each', async () => {
      const log = await sent(['A', 'B', 'C'], 30);
      expect(log).toEqual(
        list(30, 'message').map((message, i) => ['ABC'.charAt(i % 3), Math.floor(i / 3) * 1000, message]),
      );
    });

    it('should keep the pace of each number when several campaigns share them', async () => {
      const start = clock.now();
      const byNumber = new Map<string, Millis[]>();
      const send = (_message: string, from: string): void => {
        byNumber.set(from, [...(byNumber.get(from) ?? []), clock.now() - start]);
      };
      const sender = createSender(engine, ['A', 'B', 'C']);
      await play(clock, () =>
        Promise.all(['one', 'two', 'three'].map((name) => sender.sendAll(list(10, name), send))),
      );
      expect([...byNumber.values()].flat()).toHaveLength(30);
      for (const instants of byNumber.values()) {
        for (const [i, at] of instants.entries()) {
          expect(at - (instants[i - 1] ?? Number.NEGATIVE_INFINITY)).toBeGreaterThanOrEqual(1000);
        }
      }
      const elapsed = clock.now() - start;
      expect(elapsed).toBeGreaterThanOrEqual(9000);
      expect(elapsed).toBeLessThanOrEqual(10_000);
    });

    it('should give a number the higher rate it was granted', async () => {
      const log = await sent([{ name: 'A', quotas: { sms: 4 } }, 'B'], 26);
      const from = (number: string): Millis[] => log.flatMap(([name, at]) => (name === number ? [at] : []));
      expect(from('A')).toEqual(list(from('A').length, '').map((_, i) => i * 250));
      expect(from('B')).toEqual(list(from('B').length, '').map((_, i) => i * 1000));
      expect(clock.now() - 1_715_901_200_400).toBeLessThanOrEqual(5000);
    });
  });
});
