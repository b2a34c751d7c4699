/** Names of limits, groups, tiers and units: valid as a String and as a Token of HTTP structured fields. */
export const NAME: RegExp = /^[a-z][a-z0-9-]{0,63}$/;

/** {@link NAME} in words. */
export const NAME_FORM = 'a name: a lower-case letter, then up to 63 lower-case letters, digits or hyphens';

/** Fields of a descriptor that mean something already, so no partition field can be called that. */
export const RESERVED_FIELDS: readonly string[] = ['method', 'path', 'group', 'tier', 'cost', 'quotas'];

/** Partition fields and path parameters. */
const FIELD = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/;

/** What a field's name has to be, in words. */
export const FIELD_FORM =
  'a field name: a letter, then up to 63 letters, digits, underscores or hyphens; none of method, path, group, tier, cost, quotas, nor what every object has';

/** Whether `text` can name a partition field or a path parameter. */
export function isField(text: string): boolean {
  return FIELD.test(text) && !RESERVED_FIELDS.includes(text) && !(text in Object.prototype);
}

/** Whether `text` can name a limit, a group, a tier or a unit. */
export function isName(text: string): boolean {
  // What valibot's records pass over, lest they touch a prototype.
  return NAME.test(text) && text !== 'constructor' && text !== 'prototype';
}
