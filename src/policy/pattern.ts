/**
 * Patterns such as `GET|HEAD /v1/calls/:call`, as a policy's groups list them.
 *
 * @module
 */

import { collectFaults, type Fault, PolicyError, show } from '../errors.ts';
import { FIELD, RESERVED_FIELDS } from './name.ts';
import { canonicalSegments } from './path.ts';

/** One segment of a pattern: itself, `:name` (one segment, handed on), `*` (one segment) or `**` (all that follow). */
export type PatternSegment =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'param'; readonly name: string }
  | { readonly kind: 'one' }
  | { readonly kind: 'rest' };

/** A parsed pattern. Immutable. */
export interface Pattern {
  /** As it was written. */
  readonly text: string;
  /** Upper-case methods, or `*` alone for all of them. */
  readonly methods: readonly string[];
  /** Literals are in canonical form (see {@link canonicalSegments}) and keep their case. `rest` can only be the last. */
  readonly segments: readonly PatternSegment[];
}

/** How many segments a pattern may have; matching recurses once for each. */
const MAX_SEGMENTS = 64;

const METHOD = /^[A-Z][A-Z\d_-]{0,31}$/;

/** In a canonical literal: what routers and proxies read in different ways, so that no pattern may rest on it. */
const DISPUTED = /;|%2F|%5C|%00/;

/**
 * Parses `METHODS PATH`: upper-case methods joined by `|`, or `*`; a space; literal segments, `:name`, `*` for one
 * segment, and `**` at the end for any rest, also none.
 *
 * @param text - at most 64 segments; parameter names match `^[A-Za-z][A-Za-z0-9_-]{0,63}$`, and are neither fields of
 * the descriptor nor names that every object has
 * @param path - the field it came from, for the error
 * @throws PolicyError with every fault: `incomplete-pattern`, `bad-method`, `duplicate-method`, `bad-path`, `bad-segment`,
 * `misplaced-rest`, `bad-param`, `reserved-param`, `duplicate-param`
 */
export function parsePattern(text: string, path = 'match'): Pattern {
  const fault = (code: string, message: string): Fault => ({
    code,
    path,
    value: text,
    message: `${show(text)} ${message}`,
  });
  const space = text.indexOf(' ');
  if (space <= 0) {
    const example = text.startsWith('/') ? text : '/v1/**';
    const message = `is not a method and a path; write ${show(`GET ${example}`)}, or ${show(`* ${example}`)} for all methods`;
    throw new PolicyError([fault('incomplete-pattern', message)]);
  }
  const { methods, segments } = collectFaults({
    methods: () => parseMethods(text.slice(0, space), fault),
    segments: () => parseSegments(text.slice(space + 1), fault),
  });
  return Object.freeze({ text, methods: Object.freeze(methods), segments: Object.freeze(segments) });
}

/** Makes a fault of a code and the end of a sentence that begins with the pattern. */
type Faulting = (code: string, message: string) => Fault;

function parseMethods(text: string, fault: Faulting): string[] {
  if (text === '*') return ['*'];
  const methods = text.split('|');
  const bad = methods.find((method) => !METHOD.test(method));
  if (bad !== undefined) {
    const upper = bad.toUpperCase();
    const remedy = METHOD.test(upper)
      ? `write ${upper}`
      : 'write methods such as GET|HEAD, or * alone for all';
    throw new PolicyError([fault('bad-method', `has ${show(bad)} for a method; ${remedy}`)]);
  }
  if (new Set(methods).size < methods.length) {
    throw new PolicyError([fault('duplicate-method', 'lists a method twice; list each once')]);
  }
  return methods;
}

function parseSegments(path: string, fault: Faulting): PatternSegment[] {
  const bad = pathFault(path, fault);
  if (bad !== undefined) throw new PolicyError([bad]);
  const texts = path === '/' ? [] : path.slice(1).split('/');
  if (texts.length > MAX_SEGMENTS) {
    const message = `has ${texts.length} segments; ${MAX_SEGMENTS} are the most, and ** stands for any rest`;
    throw new PolicyError([fault('bad-path', message)]);
  }
  const segments = texts.map(parseSegment);
  const names = segments.flatMap((segment) => (segment.kind === 'param' ? [segment.name] : []));
  const faults = texts.flatMap((text, i) => segmentFault(text, i === texts.length - 1, fault) ?? []);
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice !== undefined) {
    faults.push(fault('duplicate-param', `uses :${twice} twice; give each parameter a name of its own`));
  }
  const [first, ...others] = faults;
  if (first !== undefined) throw new PolicyError([first, ...others]);
  return segments;
}

function parseSegment(text: string): PatternSegment {
  if (text === '**') return { kind: 'rest' };
  if (text === '*') return { kind: 'one' };
  if (text.startsWith(':')) return { kind: 'param', name: text.slice(1) };
  return { kind: 'literal', text: canonicalSegments(text)[0] ?? '' };
}

function pathFault(path: string, fault: Faulting): Fault | undefined {
  if (!path.startsWith('/')) {
    return fault('bad-path', `has ${show(path)} for a path; after one space it has to start with /`);
  }
  if (/[?#]/.test(path)) return fault('bad-path', 'has a query or fragment; patterns match the path alone');
  if (/\s/.test(path)) return fault('bad-path', 'has white space in its path; write a space as %20');
  return undefined;
}

function segmentFault(text: string, isLast: boolean, fault: Faulting): Fault | undefined {
  if (text === '**') {
    return isLast ? undefined : fault('misplaced-rest', 'has ** before its end; use * for one segment');
  }
  if (text === '*') return undefined;
  if (text.startsWith(':')) return paramFault(text.slice(1), fault);
  return literalFault(text, fault);
}

function paramFault(name: string, fault: Faulting): Fault | undefined {
  if (!FIELD.test(name)) {
    const message = `has ${show(name)} for a parameter name; use a letter, then up to 63 letters, digits, _ or -`;
    return fault('bad-param', message);
  }
  if (RESERVED_FIELDS.includes(name)) {
    return fault('reserved-param', `names a parameter :${name}, as a descriptor field is named; rename it`);
  }
  if (name in Object.prototype) {
    return fault('reserved-param', `names a parameter :${name}, which every object has; rename it`);
  }
  return undefined;
}

function literalFault(text: string, fault: Faulting): Fault | undefined {
  const segment = show(text);
  if (text === '') return fault('bad-segment', 'has an empty segment; drop the doubled or trailing /');
  if (/[*:]/.test(text)) {
    return fault('bad-segment', `has a * or : inside ${segment}; a wildcard or parameter is a whole segment`);
  }
  if (/%(?![\dA-Fa-f]{2})/.test(text)) {
    return fault('bad-segment', `has a bad escape in ${segment}; write a plain % as %25`);
  }
  const [literal] = canonicalSegments(text);
  if (literal === undefined) {
    return fault('bad-segment', `has the dot segment ${segment}; write the path that it leads to`);
  }
  if (DISPUTED.test(literal)) {
    const message = `has ;, \\, %2F, %5C or %00 in ${segment}, which routers read in different ways; use * or :name`;
    return fault('bad-segment', message);
  }
  return undefined;
}
