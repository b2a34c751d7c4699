import { createLimitedFetch, type Fetch } from 'headgate/client';
import { describe, expect, it } from 'vitest';
import { type Engine, type ManualClock, manualClock } from '../../src/index.ts';
import { inVirtualTime } from '../fixtures/virtual-time.ts';

interface Service {
  readonly engine: Engine;
  readonly fetch: (request: Request) => Promise<Response>;
}

const START = 1_715_901_200_400;
const example = (name: string): string =>
  new URL(`../../docs/examples/${name}/server.js`, import.meta.url).href;
const { createFlireo } = (await import(/* @vite-ignore */ example('flireo'))) as {
  createFlireo(options: { clock: ManualClock }): Service;
};

describe('a client of Flireo (F5)', () => {
  const headers = { 'x-api-key': 'fli_small' };
  const setUp = () => {
    const clock = manualClock(START);
    const { engine, fetch } = createFlireo({ clock });
    const statuses: number[] = [];
    const counted: Fetch = async (input, init) => {
      await clock.sleep(20);
      const response = await fetch(new Request(input, init));
      statuses.push(response.status);
      return response;
    };
    /** One budget for all requests, and one more for the commands of each call. */
    const policyOf = ({ url }: { url: string }): string => /\/calls\/[^/]+\/\w/.exec(url)?.[0] ?? '';
    return { clock, engine, statuses, limitedFetch: createLimitedFetch(counted, { clock, policyOf }) };
  };

  it('should read the fields before it sends, and so never be refused', async () => {
    const { clock, statuses, limitedFetch } = setUp();
    const calls = async (): Promise<void> => {
      for (let i = 0; i < 250; i++) await limitedFetch('https://flireo.example/v1/calls', { headers });
    };
    await inVirtualTime(clock, calls());
    expect(statuses).toEqual(Array(250).fill(200));
    expect(clock.now() - START).toBeLessThan(130_000);
  });

  it('should keep to the commands of each call, also when they all begin at once', async () => {
    const { clock, statuses, limitedFetch } = setUp();
    const say = (call: string): Promise<Response>[] =>
      Array.from({ length: 25 }, () =>
        limitedFetch(`https://flireo.example/v1/calls/${call}/say`, { method: 'POST', headers, body: '{}' }),
      );
    const responses = await inVirtualTime(clock, Promise.all([...say('call_1'), ...say('call_2')]));
    expect(responses.every(({ status }) => status === 200)).toBe(true);
    // At first nothing is known, and 15 of the 25 commands of each call are refused; from then on none is.
    expect(statuses.filter((status) => status === 429)).toHaveLength(30);
    expect(clock.now() - START).toBeLessThan(130_000);
  });
});
