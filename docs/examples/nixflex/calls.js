// Calls under an account's limit: outbound ones queue, inbound ones get a busy signal. `node docs/examples/nixflex/calls.js`
import { fileURLToPath } from 'node:url';
import { createEngine, denialResponse, manualClock } from 'headgate';
import { policy } from './policy.js';
import { play } from './simulated-time.js';

/** @typedef {import('headgate').Engine} Engine */
/** @typedef {{ account: string, tier?: string }} Account */
/** @typedef {{ status: number, body: string | null }} Outcome */

/**
 * Calls somebody, as soon as the account has a call free, and hangs up when `talk` is over.
 *
 * @template T
 * @param {Engine} engine
 * @param {Account} account
 * @param {(signal: AbortSignal) => Promise<T>} talk - the call itself; the signal is aborted if it outlives its lease
 * @param {AbortSignal} [signal] - gives up waiting
 */
export function dial(engine, account, talk, signal) {
  return engine.run({ group: 'outbound-call', ...account }, (call) => talk(call.signal), { signal });
}

/**
 * Answers a call that comes in: with `talk` if the account has a call free, else with a busy signal, at once.
 *
 * @param {Engine} engine
 * @param {Account} account
 * @param {(signal: AbortSignal) => Promise<unknown>} talk
 * @returns {Promise<Outcome>} what the caller's telephone is told
 */
export async function pickUp(engine, account, talk) {
  const call = engine.tryAcquire({ group: 'inbound-call', ...account });
  if (!call.allowed) {
    const { status, body } = denialResponse(call, engine.policy);
    return { status, body };
  }
  try {
    await talk(call.signal);
    return { status: 200, body: null };
  } finally {
    call.release();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const clock = manualClock();
  const engine = createEngine(policy, { clock });
  const account = { account: 'acct_small', tier: 'payg' };
  const seconds = () => `${clock.now() / 1000} s (simulated)`;

  await play(clock, async () => {
    const calls = Array.from({ length: 12 }, (_, i) =>
      dial(engine, account, async () => {
        console.log(`${seconds()}: outbound call ${i + 1} starts`);
        await clock.sleep('90s');
      }),
    );
    const { status, body } = await pickUp(engine, account, () => clock.sleep('90s'));
    console.log(`${seconds()}: inbound call answered with ${status} ${body}`);
    await Promise.all(calls);
  });
}
