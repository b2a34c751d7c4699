/** Every request brings a key that nobody has seen, ten times as many as a bounded contender may keep. */
import type { Result, Setting } from '../case.ts';
import { open } from '../contenders/subjects.ts';
import { makeKeys, makeTraffic } from '../workload.ts';
import { askMany, fill } from './ask.ts';
import { heldBytes } from './heap.ts';

/** Nanoseconds per decision, from the second time the table is filled to the tenth. */
export async function churn(contender: string, setting: Setting): Promise<Result> {
  const { maxKeys, keys } = setting;
  const subject = await open(contender, setting);
  const newcomers = makeKeys(keys);
  await fill(subject, newcomers.slice(0, 2 * maxKeys));
  const rest = newcomers.slice(2 * maxKeys);
  const start = performance.now();
  const { allowed, checksum } = await fill(subject, rest);
  const elapsed = performance.now() - start;
  if (allowed !== rest.length) return { fault: `${allowed} of ${rest.length} allowed` };
  return { value: (elapsed * 1e6) / rest.length, checksum };
}

/** Bytes held after so many new keys, the keys themselves not counted; some old ones are asked about too. */
export async function churnMemory(contender: string, setting: Setting): Promise<Result> {
  const newcomers = makeKeys(setting.keys);
  const traffic = makeTraffic({ ...setting, keys: 1000 });
  const before = await heldBytes();
  const subject = await open(contender, setting);
  const { checksum } = await fill(subject, newcomers);
  await askMany(subject, traffic, 0, 1000);
  return { value: (await heldBytes()) - before, checksum };
}
