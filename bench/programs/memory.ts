/** What contenders hold and what they throw away. */
import type { Result, Setting } from '../case.ts';
import { open } from '../contenders/subjects.ts';
import { makeKeys, makeTraffic } from '../workload.ts';
import { askMany, fill } from './ask.ts';
import { collect, heldBytes, watchCollections } from './heap.ts';

/** Bytes per key, heap and external. The keys themselves are made before and kept, so they are not counted. */
export async function memory(contender: string, setting: Setting): Promise<Result> {
  await warm(contender, setting);
  const keys = makeKeys(setting.keys);
  const before = await heldBytes();
  const subject = await open(contender, setting);
  const { allowed, checksum } = await fill(subject, keys);
  const after = await heldBytes();
  // Asked once more, so that nothing of it can be gone before it is measured.
  await fill(subject, keys.slice(0, 1));
  if (allowed !== keys.length) return { fault: `${allowed} of ${keys.length} allowed` };
  return { value: (after - before) / keys.length, checksum };
}

/**
 * Bytes allocated per decision: how much the heap grows while there is so much room for new objects that nothing is
 * collected, which is checked.
 */
export async function garbage(contender: string, setting: Setting): Promise<Result> {
  const subject = await open(contender, setting);
  const traffic = makeTraffic(setting);
  await fill(subject, traffic.keys);
  // Long enough for everything to be compiled: unoptimised code makes more garbage.
  const warmed = performance.now() + setting.warmMs;
  while (performance.now() < warmed) await askMany(subject, traffic, 0, 20_000);
  for (let calls = 100_000; calls >= 1000; calls /= 2) {
    collect();
    const { pauses, stop } = watchCollections();
    const before = process.memoryUsage().heapUsed;
    const { checksum } = await askMany(subject, traffic, 0, calls);
    const after = process.memoryUsage().heapUsed;
    await stop();
    if (pauses.length === 0) return { value: (after - before) / calls, checksum };
  }
  return { fault: 'garbage was collected in every attempt' };
}

/** The longest pause, in milliseconds, while keys are made and then asked about at random for some seconds. */
export async function pause(contender: string, setting: Setting): Promise<Result> {
  const traffic = makeTraffic(setting);
  const { pauses, stop } = watchCollections();
  const subject = await open(contender, setting);
  await fill(subject, traffic.keys);
  let checksum = 0;
  const end = performance.now() + 5 * setting.measureMs;
  for (let at = 0; performance.now() < end; at += 65_536) {
    checksum += (await askMany(subject, traffic, at, 65_536)).checksum;
    await new Promise((resolve) => setImmediate(resolve));
  }
  await stop();
  return { value: Math.max(0, ...pauses), checksum };
}

/** How long a collection of everything at once takes, in milliseconds, with all keys alive. */
export async function fullCollection(contender: string, setting: Setting): Promise<Result> {
  const keys = makeKeys(setting.keys);
  const subject = await open(contender, setting);
  const { checksum } = await fill(subject, keys);
  const times: number[] = [];
  for (let i = 0; i < 4; i++) {
    const start = performance.now();
    collect();
    times.push(performance.now() - start);
  }
  await fill(subject, keys.slice(0, 1));
  // The first one also cleans up after the filling.
  return { value: Math.max(...times.slice(1)), checksum };
}

/** Loads and compiles what the measurement will use, which is not part of what a key takes. */
async function warm(contender: string, setting: Setting): Promise<void> {
  const subject = await open(contender, { ...setting, keys: 1000, maxKeys: 1000 });
  await fill(subject, makeKeys(1000, 90_000_000));
}
