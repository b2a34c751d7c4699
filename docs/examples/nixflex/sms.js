// Text messages from several numbers, each at its own pace. `node docs/examples/nixflex/sms.js`
import { fileURLToPath } from 'node:url';
import { createEngine, DeniedError, manualClock } from 'headgate';
import { createPool } from 'headgate/pool';
import { policy } from './policy.js';
import { play } from './simulated-time.js';

/** @typedef {{ name: string, quotas?: { sms: number } }} SendingNumber */

/**
 * Sending numbers that all SMS of an account share.
 *
 * @param {import('headgate').Engine} engine
 * @param {readonly (string | SendingNumber)[]} numbers - those with a higher rate say so: `{ name, quotas: { sms: 10 } }`
 */
export function createSender(engine, numbers) {
  const pool = createPool(engine, { group: 'sms', field: 'number', members: numbers });
  return {
    /**
     * Sends messages in order, each from the number that is free soonest.
     *
     * @param {Iterable<string>} messages
     * @param {(message: string, from: string) => void} send - hands a message to the network
     * @param {AbortSignal} [signal] - stops
     */
    async sendAll(messages, send, signal) {
      for (const message of messages) {
        const { member, admission } = await pool.acquire({}, { signal });
        if (!admission.allowed) throw new DeniedError(admission);
        send(message, member);
      }
    },
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const clock = manualClock();
  const engine = createEngine(policy, { clock });
  const messages = Array.from({ length: 9 }, (_, i) => `message ${i + 1}`);
  const sender = createSender(engine, ['+15550001', '+15550002', '+15550003']);
  await play(clock, () =>
    sender.sendAll(messages, (message, from) => {
      console.log(`${clock.now() / 1000} s (simulated): ${message} from ${from}`);
    }),
  );
}
