import type { LooseDescriptor } from '../policy/descriptor.ts';
import type { PolicyDocument } from '../policy/document.ts';

/** What the caller does to the document later does not change the policy, nor what a reload compares. */
export function copyOfPolicy(document: PolicyDocument): PolicyDocument {
  return JSON.parse(JSON.stringify(document));
}

/** What waits must not change because the caller uses the object again. */
export function copyOfDescriptor(descriptor: LooseDescriptor): LooseDescriptor {
  if (typeof descriptor !== 'object' || descriptor === null) return descriptor;
  const copy = Object.entries(descriptor).map(([field, value]) => [
    field,
    typeof value === 'object' && value !== null ? { ...value } : value,
  ]);
  return Object.fromEntries(copy);
}
