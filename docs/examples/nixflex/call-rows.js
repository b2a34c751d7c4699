// The rows of the demo that take hours: calls, campaigns and SMS, played in simulated time.
import { createEngine, manualClock } from 'headgate';
import { dial, pickUp } from './calls.js';
import { runCampaign } from './campaign.js';
import { policy } from './policy.js';
import { play } from './simulated-time.js';
import { createSender } from './sms.js';

/** @typedef {{ row: string, limit: string, allowed: number, denied: number, atOnce?: number, seconds: number }} Row */

const STARTER = { account: 'acct_small', tier: 'starter' };
const CALL = '90s';

/** One row for each limit, with what was counted while it was played. */
export async function callRows() {
  return [
    await atOnce('10 calls at once: payg', { account: 'acct_small', tier: 'payg' }),
    await atOnce('25 calls at once: starter', STARTER),
    await atOnce('100 calls at once: scale', { account: 'acct_small', tier: 'scale' }),
    await atOnce('custom: enterprise, 250', { account: 'acct_huge', tier: 'enterprise' }),
    await record('N7', '40 outbound, limit 25', ({ engine, talk }) =>
      Promise.all(Array.from({ length: 40 }, () => dial(engine, STARTER, talk))),
    ),
    await record('N8', '40 inbound, limit 25', ({ engine, talk, deny }) =>
      Promise.all(Array.from({ length: 40 }, () => answer(engine, STARTER, talk, deny))),
    ),
    await record('N9', '1,000 recipients, limit 25', ({ engine, talk }) =>
      runCampaign(engine, { ...STARTER, campaign: 'spring' }, campaign(1000), talk),
    ),
    await record('N10', '50 recipients, max 5', ({ engine, talk }) =>
      runCampaign(engine, { ...STARTER, campaign: 'spring' }, { ...campaign(50), max_concurrent: 5 }, talk),
    ),
    await record('N11', '30 SMS, 3 numbers, 1 / s', ({ engine, count }) =>
      createSender(engine, ['+15550001', '+15550002', '+15550003']).sendAll(numbered(30, 'message'), count),
    ),
  ];
}

/**
 * Inbound calls until one gets a busy signal.
 *
 * @param {string} limit
 * @param {import('./calls.js').Account} account
 */
function atOnce(limit, account) {
  return record('N6', limit, async ({ engine, talk, deny }) => {
    const calls = [];
    while (engine.peek({ group: 'inbound-call', ...account }).allowed) {
      calls.push(answer(engine, account, talk, deny));
    }
    calls.push(answer(engine, account, talk, deny));
    await Promise.all(calls);
  });
}

/**
 * @param {import('headgate').Engine} engine
 * @param {import('./calls.js').Account} account
 * @param {() => Promise<void>} talk
 * @param {() => void} deny
 */
async function answer(engine, account, talk, deny) {
  const { status } = await pickUp(engine, account, talk);
  if (status === 486) deny();
}

/**
 * Plays a row with an engine and a clock of its own, and counts.
 *
 * @param {string} row
 * @param {string} limit
 * @param {(tools: {
 *   engine: import('headgate').Engine, talk: () => Promise<void>, count: () => void, deny: () => void
 * }) => Promise<unknown>} work
 * @returns {Promise<Row>}
 */
async function record(row, limit, work) {
  const clock = manualClock();
  const engine = createEngine(policy, { clock });
  let allowed = 0;
  let denied = 0;
  let running = 0;
  let most = 0;
  const talk = async () => {
    allowed++;
    most = Math.max(most, ++running);
    await clock.sleep(CALL);
    running--;
  };
  const count = () => {
    allowed++;
  };
  const deny = () => {
    denied++;
  };
  await play(clock, () => work({ engine, talk, count, deny }));
  return { row, limit, allowed, denied, ...(most > 0 && { atOnce: most }), seconds: clock.now() / 1000 };
}

/** @param {number} count */
function campaign(count) {
  return { agent_id: 'agent_xxx', recipients: numbered(count, '+1555') };
}

/**
 * @param {number} count
 * @param {string} name
 */
function numbered(count, name) {
  return Array.from({ length: count }, (_, i) => `${name} ${i + 1}`);
}
