export { isName, NAME, NAME_FORM } from '../limiter/name.ts';

/** Fields of a descriptor that mean something already, so no partition field can be called that. */
export const RESERVED_FIELDS: readonly string[] = ['method', 'path', 'group', 'tier', 'cost', 'quotas'];

/** Partition fields and path parameters. */
export const FIELD: RegExp = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/;

/** What a field's name has to be, in words. */
export const FIELD_FORM =
  'a field name: a letter, then up to 63 letters, digits, underscores or hyphens; none of method, path, group, tier, cost, quotas, nor what every object has';

/** Whether `text` can name a partition field or a path parameter. */
export function isField(text: string): boolean {
  return FIELD.test(text) && !RESERVED_FIELDS.includes(text) && !(text in Object.prototype);
}
