/**
 * What came of `identify`: a descriptor, or what it threw.
 *
 * @module
 */

import { show } from '../errors.ts';
import type { Descriptor } from '../policy/descriptor.ts';
import type { PolicyDocument } from '../policy/document.ts';

/**
 * What `identify` says comes first; what is no object at all is left to the engine, which says so. The spread comes last:
 * before other fields it takes forty times as long.
 */
export function complete<P extends PolicyDocument>(
  found: Descriptor<P>,
  method: string,
  path: string,
  group: string | undefined,
): Descriptor<P> {
  if (found?.group !== undefined || typeof found !== 'object' || found === null) return found;
  const descriptor: { method: unknown; path: unknown; group: unknown } = { method, path, group, ...found };
  descriptor.method ??= method;
  descriptor.path ??= path;
  descriptor.group ??= group;
  return descriptor as Descriptor<P>;
}

/** Frameworks take `next(undefined)` for "go on", and Express `next('route')` for "skip the rest". */
export function asError(thrown: unknown): unknown {
  if (typeof thrown === 'object' && thrown !== null) return thrown;
  return new Error(`identify threw ${show(thrown)}`, { cause: thrown });
}
