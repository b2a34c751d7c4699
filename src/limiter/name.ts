import { PolicyError, show } from '../errors.ts';

/** Names of limits, groups, tiers and units: valid as a String and as a Token of HTTP structured fields. */
export const NAME: RegExp = /^[a-z][a-z0-9-]{0,63}$/;

/** {@link NAME} in words. */
export const NAME_FORM = 'a name: a lower-case letter, then up to 63 lower-case letters, digits or hyphens';

/** Whether `text` can name a limit, a group, a tier or a unit. */
export function isName(text: string): boolean {
  // What valibot's records pass over, lest they touch a prototype.
  return NAME.test(text) && text !== 'constructor' && text !== 'prototype';
}

/** @throws PolicyError (`bad-name`) */
export function checkName(name: string, path: string): string {
  if (typeof name === 'string' && isName(name)) return name;
  const message = `${show(name)} is not ${NAME_FORM}`;
  throw new PolicyError([{ code: 'bad-name', path, value: name, message }]);
}
