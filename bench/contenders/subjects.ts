import type { Setting } from '../case.ts';
import { LIMITS } from './limits.ts';
import type { Subject } from './subject.ts';

/** Sets a contender up. Policies are only loaded when one is asked for, since they load headgate. */
export async function open(contender: string, setting: Setting): Promise<Subject> {
  const make = LIMITS[contender] ?? (await import('./policies.ts')).POLICIES[contender];
  if (make === undefined) throw new Error(`unknown contender ${contender}`);
  return make(setting);
}
