// A batch campaign: one list of recipients, called in waves. `node docs/examples/nixflex/campaign.js`
import { fileURLToPath } from 'node:url';
import { createEngine, manualClock } from 'headgate';
import { estimateBatch, runBatch } from 'headgate/batch';
import { policy } from './policy.js';
import { play } from './simulated-time.js';

/** @typedef {import('./calls.js').Account} Account */
/** @typedef {import('headgate/batch').BatchProgress} Progress */
/** @typedef {{ agent_id: string, recipients: string[], max_concurrent?: number }} Campaign */

/**
 * Calls every recipient once, as many at a time as the account's limit and the campaign's own allow.
 *
 * @template T
 * @param {import('headgate').Engine} engine
 * @param {Account & { campaign: string }} who - the account, and the name it gave the campaign
 * @param {Campaign} campaign - as the API takes it
 * @param {(recipient: string, agent: string) => Promise<T>} talk - one call
 * @param {{ onProgress?: (progress: Progress) => void, signal?: AbortSignal }} [options]
 * @returns what became of each call, in the order of the recipients
 */
export function runCampaign(engine, who, campaign, talk, options = {}) {
  const { agent_id, recipients, max_concurrent } = campaign;
  return runBatch(engine, recipients, (recipient) => talk(recipient, agent_id), {
    descriptor: { group: 'campaign-call', ...who },
    ...(max_concurrent !== undefined && { quotas: { campaign: max_concurrent } }),
    ...options,
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const clock = manualClock();
  const engine = createEngine(policy, { clock });
  const recipients = Array.from({ length: 1000 }, (_, i) => `+1555${String(i).padStart(7, '0')}`);
  const campaign = { agent_id: 'agent_xxx', recipients };
  const estimate = estimateBatch({ count: 1000, concurrency: 25, averageMs: 90_000 });
  console.log(`1,000 calls of 90 s on a plan of 25 will take ${estimate / 1000} s. In simulated time:`);

  const who = { account: 'acct_small', tier: 'starter', campaign: 'spring' };
  const talk = () => clock.sleep('90s');
  /** @param {Progress} progress */
  const onProgress = ({ done, running, elapsedMs, etaMs }) => {
    if (running === 25 && done > 0 && done % 250 === 0)
      console.log(`  ${elapsedMs / 1000} s: ${done} done, ${(etaMs ?? 0) / 1000} s to go`);
  };
  await play(clock, () => runCampaign(engine, who, campaign, talk, { onProgress }));
  console.log(`  ${clock.now() / 1000} s: all done`);
}
