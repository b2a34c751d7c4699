/** A function in a sandbox that is frozen between invocations, as Lambda does: stopped, continued, killed. */
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { same } from '../expect.js';
import { inOrder, start, until } from './process.js';

/** One instance of the function. */
function instanceOf(node, folder, saved = '') {
  const { child, kill, ended } = start(node, ['hosts/lambda-function.js', saved], folder);
  const waiting = new Map();
  let [count, complaints] = [0, ''];
  child.stderr.on('data', (data) => {
    complaints += data;
  });
  createInterface({ input: child.stdout }).on('line', (line) => {
    const answer = JSON.parse(line);
    waiting.get(answer.id).resolve(answer);
  });
  ended.then(() => {
    for (const { reject } of waiting.values()) reject(new Error(`the function has ended: ${complaints}`));
  });
  const invoke = (name, event = {}) =>
    new Promise((resolve, reject) => {
      waiting.set(++count, { resolve, reject });
      child.stdin.write(`${JSON.stringify({ id: count, name, event })}\n`);
    });
  const isStopped = () => /\) T /.test(readFileSync(`/proc/${child.pid}/stat`, 'utf8'));
  /** Stops it until an instant has passed. */
  const freezeUntil = async (instant) => {
    child.kill('SIGSTOP');
    await until(isStopped, 'that it stands still');
    await until(() => Date.now() > instant, 'an instant soon');
    child.kill('SIGCONT');
  };
  return { invoke, freezeUntil, kill };
}

export async function runLambda(node, folder) {
  const instances = [];
  const launch = (saved) => {
    const instance = instanceOf(node, folder, saved);
    instances.push(instance);
    return instance;
  };
  const { invoke, freezeUntil } = launch();
  const spend = async (group, key) => (await invoke('spend', { group, key })).allowed;
  const checks = {
    'frozen with permits in hand: their leases are over when it thaws, and it is told': async () => {
      const holds = [];
      for (let i = 0; i < 3; i++) holds.push(await invoke('hold', { group: 'call', key: 'a' }));
      const [one, two, three] = holds;
      same([one.allowed, two.allowed, three.allowed], [true, true, false]);
      await freezeUntil(two.expiresAt);
      const { lost, aborted, stats } = await invoke('told');
      same([lost, aborted, stats.permits.calls.held], [[one.fence, two.fence], [true, true], 0]);
      same((await invoke('release', { fence: one.fence })).released, false);
      same(await spend('call', 'a'), 2, 'permits after the thaw');
    },
    'frozen within a lease: it goes on': async () => {
      const { fence } = await invoke('hold', { group: 'job', key: 'a' });
      await freezeUntil(Date.now() + 50);
      same((await invoke('one', { group: 'job', key: 'a' })).allowed, false);
      same((await invoke('release', { fence })).released, true);
    },
    'frozen while it waits past its deadline: told so, and nothing is taken': async () => {
      const { fence } = await invoke('hold', { group: 'job', key: 'b' });
      const waiting = invoke('wait', { group: 'job', key: 'b' });
      await until(async () => (await invoke('told')).stats.waiting === 1, 'that it waits');
      await freezeUntil(Date.now() + 150);
      same((await waiting).reason, 'queue-timeout');
      same([(await invoke('told')).stats.waiting, (await invoke('release', { fence })).released], [0, true]);
    },
    'twenty freezes mint no quota': async () => {
      same(await spend('read', 'a'), 5);
      const spent = [await invoke('spend', { group: 'steady', key: 'a' })];
      for (let i = 0; i < 20; i++) {
        await freezeUntil(Date.now() + 30);
        spent.push(await invoke('spend', { group: 'steady', key: 'a' }));
      }
      const passed = spent.reduce((sum, { allowed }) => sum + allowed, 0);
      const most = 5 + Math.floor((50 * (spent.at(-1).to - spent[0].from)) / 1000);
      same([passed > 15, passed <= most], [true, true], `${passed} of at most ${most}`);
      same(await spend('read', 'a'), 0);
    },
    'the clock jumps back and on again: no quota': async () => {
      await invoke('spend', { group: 'steady', key: 'b' });
      await invoke('jump', { by: -3_600_000 });
      same([await spend('read', 'a'), await spend('steady', 'b')], [0, 0]);
      await invoke('jump', { by: 3_600_000 });
      same(await spend('read', 'a'), 0);
    },
    'the clock jumps an hour on: one quota, and not one more; leases are over': async () => {
      const { fence } = await invoke('hold', { group: 'job', key: 'c' });
      await invoke('jump', { by: 3_600_000 });
      same([await spend('read', 'a'), (await spend('steady', 'c')) <= 6], [5, true]);
      same((await invoke('release', { fence })).released, false);
      same((await invoke('told')).lost.includes(fence), true);
    },
    'killed, with a snapshot after every second request: one too many at most': async () => {
      const first = launch();
      let bytes = '';
      for (let i = 0; i < 3; i++) {
        same((await first.invoke('one', { group: 'read', key: 'a' })).allowed, true);
        if (i % 2 === 1) ({ bytes } = await first.invoke('snapshot'));
      }
      await first.kill();
      same((await launch(bytes).invoke('spend', { group: 'read', key: 'a' })).allowed, 3);
    },
    'two instances: two budgets': async () => {
      const both = await Promise.all(
        [launch(), launch()].map(({ invoke }) => invoke('spend', { group: 'read', key: 'z' })),
      );
      same(
        both.map(({ allowed }) => allowed),
        [5, 5],
      );
    },
  };
  try {
    return await inOrder(checks);
  } finally {
    for (const { kill } of instances) await kill();
  }
}
