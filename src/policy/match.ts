/**
 * From a request's method and path to its endpoint group.
 *
 * @module
 */

import { LRUCache } from 'lru-cache';
import { canonicalSegments } from './path.ts';
import type { Pattern, PatternSegment } from './pattern.ts';

/** A pattern, and the group of the requests that it matches. */
export interface Route {
  readonly pattern: Pattern;
  readonly group: string;
}

/** Parameters of the path that a pattern matched. */
export interface PathParams {
  get(name: string): string | undefined;
}

/** What a request was found to be. */
export interface Match {
  readonly group: string;
  readonly pattern: Pattern;
  /** Path parameters by name, percent-decoded unless that is impossible. */
  readonly params: PathParams;
}

/** Options of {@link createMatcher} and {@link conflicts}. */
export interface MatchOptions {
  /** How literal segments compare; default `insensitive`. Only ASCII letters have a case here. */
  readonly case?: 'sensitive' | 'insensitive';
}

/** Finds the pattern for a request. */
export interface Matcher {
  /**
   * The most specific pattern that fits, or `undefined`.
   *
   * @param method - in any case; `HEAD` takes the pattern of `GET` where that very path lists no `HEAD`
   * @param path - a request target in any spelling, see {@link canonicalSegments}. Time is linear in its length plus
   * the number of pattern segments, whatever it holds.
   */
  match(method: string, path: string): Match | undefined;
}

/**
 * Matches of short paths are remembered, for each usual method: a third of the time that the trie takes. Only some, since
 * paths that hold an id may never come again, and remembering takes longer than matching. Under 0.5 MB for each method.
 */
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
const MOST_KNOWN = 1024;
const LONGEST_KNOWN = 100;
const KEPT_ONE_IN = 4;
/** See the same in `partition/table.ts`. */
const ANY = { allowStale: true };

/**
 * Compiles patterns to a trie of segments.
 *
 * The most specific pattern wins: segment by segment from the left, a literal before `:name` before `*` before `**`,
 * then a named method before `*`. A pattern that does not have the method gives way to the next one. Of patterns that
 * are equal (see {@link conflicts}) the first wins.
 */
export function createMatcher(routes: readonly Route[], options: MatchOptions = {}): Matcher {
  const root = createNode<Target>();
  for (const route of routes) insert(root, route.pattern, createTarget(route), options);
  const isSensitive = options.case === 'sensitive';
  const search = (method: string, path: string): Match | undefined => {
    const segments = canonicalSegments(path);
    const keys = isSensitive ? segments : segments.map(lowerCase);
    const target = find(root, keys, 0, method.toUpperCase());
    return target === undefined ? undefined : matchOf(target, segments);
  };
  const known = new Map<string, LRUCache<string, Match>>();
  let searches = 0;
  return {
    match(method, path) {
      const seen = known.get(method)?.peek(path, ANY);
      if (seen !== undefined) return seen;
      const match = search(method, path);
      const isKept = match !== undefined && path.length <= LONGEST_KNOWN && METHODS.includes(method);
      if (isKept && ++searches % KEPT_ONE_IN === 0) {
        const matches = known.get(method) ?? new LRUCache<string, Match>({ max: MOST_KNOWN });
        known.set(method, matches.set(path, match));
      }
      return match;
    },
  };
}

/**
 * The pairs of patterns that are equal: alike but for the names of parameters, with a method in common. Each pattern
 * is reported with the first one that has the method, so time is linear in the size of all patterns.
 */
export function conflicts<R extends { readonly pattern: Pattern }>(
  routes: readonly R[],
  options: MatchOptions = {},
): { first: R; second: R }[] {
  const root = createNode<R>();
  return routes.flatMap((second) =>
    insert(root, second.pattern, second, options).map((first) => ({ first, second })),
  );
}

interface Param {
  readonly name: string;
  /** Index of its segment. */
  readonly at: number;
}

/** A route made ready: which segments its parameters are, and the match itself if it has none. */
interface Target {
  readonly params: readonly Param[];
  readonly match: Match;
}

/** What ends at one place of the trie, by method. */
type Ends<T> = Map<string, T>;

/** A place in the trie. Patterns of one shape share it, so a search visits each at most once. */
interface Node<T> {
  readonly literals: Map<string, Node<T>>;
  /** After a `:name`. */
  param: Node<T> | undefined;
  /** After a `*`. */
  one: Node<T> | undefined;
  /** Patterns that end here. */
  readonly here: Ends<T>;
  /** Patterns that end here in `**`. */
  readonly rest: Ends<T>;
}

function createNode<T>(): Node<T> {
  return { literals: new Map(), param: undefined, one: undefined, here: new Map(), rest: new Map() };
}

/** Puts `value` at the pattern's place, for each method that is free there; returns those that hold the others. */
function insert<T>(root: Node<T>, { methods, segments }: Pattern, value: T, options: MatchOptions): T[] {
  const ends = endsOf(root, segments, options);
  const holders = new Set<T>();
  for (const method of methods) {
    const holder = ends.get(method);
    if (holder === undefined) ends.set(method, value);
    else holders.add(holder);
  }
  return [...holders];
}

/** Where a pattern of these segments ends; the way there is made. */
function endsOf<T>(root: Node<T>, segments: readonly PatternSegment[], options: MatchOptions): Ends<T> {
  let node = root;
  for (const segment of segments) {
    if (segment.kind === 'rest') return node.rest;
    node = childOf(node, segment, options);
  }
  return node.here;
}

function childOf<T>(
  node: Node<T>,
  segment: Exclude<PatternSegment, { kind: 'rest' }>,
  options: MatchOptions,
): Node<T> {
  if (segment.kind === 'literal') {
    const key = options.case === 'sensitive' ? segment.text : lowerCase(segment.text);
    const child = node.literals.get(key) ?? createNode<T>();
    node.literals.set(key, child);
    return child;
  }
  const child = node[segment.kind] ?? createNode<T>();
  node[segment.kind] = child;
  return child;
}

/** The most specific target below `node` for the segments from `depth` on. */
function find<T>(node: Node<T>, keys: readonly string[], depth: number, method: string): T | undefined {
  const key = keys[depth];
  if (key === undefined) return choose(node.here, method) ?? choose(node.rest, method);
  const literal = node.literals.get(key);
  return (
    (literal && find(literal, keys, depth + 1, method)) ??
    (node.param && find(node.param, keys, depth + 1, method)) ??
    (node.one && find(node.one, keys, depth + 1, method)) ??
    choose(node.rest, method)
  );
}

function choose<T>(ends: Ends<T>, method: string): T | undefined {
  return ends.get(method) ?? (method === 'HEAD' ? ends.get('GET') : undefined) ?? ends.get('*');
}

const NO_PARAMS: PathParams = new Map();

function createTarget({ group, pattern }: Route): Target {
  const params = pattern.segments.flatMap((segment, at) =>
    segment.kind === 'param' ? [{ name: segment.name, at }] : [],
  );
  return { params, match: Object.freeze({ group, pattern, params: NO_PARAMS }) };
}

function matchOf({ match, params }: Target, segments: readonly string[]): Match {
  if (params.length === 0) return match;
  return { group: match.group, pattern: match.pattern, params: new SegmentParams(params, segments) };
}

/** Parameters that are read from the path when they are asked for: most limits ask for one or none. */
class SegmentParams implements PathParams {
  readonly #params: readonly Param[];
  readonly #segments: readonly string[];

  constructor(params: readonly Param[], segments: readonly string[]) {
    this.#params = params;
    this.#segments = segments;
  }

  get(name: string): string | undefined {
    const param = this.#params.find((each) => each.name === name);
    return param === undefined ? undefined : decode(this.#segments[param.at] ?? '');
  }
}

/** A parameter's value as routers hand it over; escapes that are no UTF-8 stay as they are. */
function decode(segment: string): string {
  if (!segment.includes('%')) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

/** Canonical segments are ASCII, so this touches no other letters. */
function lowerCase(segment: string): string {
  return segment.toLowerCase();
}
