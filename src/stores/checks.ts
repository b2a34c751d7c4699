import { DescriptorError, type Fault, PolicyError, show, suggest } from '../errors.ts';
import type { PolicyDocument } from '../policy/document.ts';
import { parseDuration } from '../time.ts';
import type { DistributedEngineOptions } from './contract.ts';
import type { Patience } from './guard.ts';
import type { Store } from './store.ts';

/** @throws PolicyError (`bad-option`) */
export function checkStore(store: Store): void {
  if (typeof store === 'object' && store !== null && typeof store.decide === 'function') return;
  const message = `${show(store)} is no store; give one such as redisStore({ client }) of headgate/redis`;
  throw new PolicyError([{ code: 'bad-option', path: 'store', value: store, message }]);
}

/** @throws PolicyError for every limit that the store cannot do, or that nobody would give back */
export function checkLimits({ limits }: PolicyDocument, { algorithms }: Store): void {
  const faults = Object.entries(limits).flatMap(([name, limit]): Fault[] => {
    const { algorithm } = limit;
    if (algorithm === 'concurrency') {
      if ('lease' in limit && limit.lease !== undefined) return [];
      const message = 'a process may die with its permits; say after which "lease" they come back';
      return [{ code: 'no-lease', path: `limits.${name}.lease`, value: undefined, message }];
    }
    if (algorithms.includes(algorithm)) return [];
    const message = `the store cannot do ${show(algorithm)}${suggest(algorithm, algorithms)}`;
    return [{ code: 'unsupported-algorithm', path: `limits.${name}.algorithm`, value: algorithm, message }];
  });
  const [first, ...rest] = faults;
  if (first !== undefined) throw new PolicyError([first, ...rest]);
}

/** @throws DescriptorError (`bad-id`) */
export function checkId(id: string): string {
  if (typeof id === 'string' && id.length >= 1 && id.length <= 128) return id;
  const message = `${show(id)} is no id; give a string of 1 to 128 characters`;
  throw new DescriptorError({ code: 'bad-id', path: 'id', value: id, message });
}

/** @throws PolicyError (`bad-duration`) */
export function patienceFrom({ deadline = 250 }: DistributedEngineOptions): Patience {
  return { deadline: parseDuration(deadline, 'deadline'), failures: 5, pause: 1000 };
}

/** @throws PolicyError (`bad-option`) */
export function shareFrom({ localShare = 0.1 }: DistributedEngineOptions): number {
  if (typeof localShare === 'number' && localShare > 0 && localShare <= 1) return localShare;
  const message = `${show(localShare)} is no share; give a number above 0, at most 1`;
  throw new PolicyError([{ code: 'bad-option', path: 'localShare', value: localShare, message }]);
}

/** @throws PolicyError (`bad-option`) */
export function denialsFrom({ denialCache }: DistributedEngineOptions): number | undefined {
  if (denialCache === undefined || (Number.isSafeInteger(denialCache) && denialCache >= 1))
    return denialCache;
  const message = `${show(denialCache)} is no number of denials; give an integer from 1`;
  throw new PolicyError([{ code: 'bad-option', path: 'denialCache', value: denialCache, message }]);
}
