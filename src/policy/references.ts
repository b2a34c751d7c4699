/**
 * Checks what the parts of a policy say about each other by name, and the patterns of its groups.
 *
 * @module
 */

import { type Fault, isHeadgateError, join, show } from '../errors.ts';
import { joinKey } from '../partition/key.ts';
import type { Draft, Entry } from './draft.ts';
import { conflicts } from './match.ts';
import { type Pattern, parsePattern } from './pattern.ts';
import { isRecord } from './shape.ts';

/** What `unmatched` takes beside the name of a group. */
const VERDICTS: readonly string[] = ['allow', 'deny'];

/** What is wrong with names and patterns in a draft. */
export function* referenceFaults(draft: Draft): Generator<Fault> {
  for (const { path, value } of draft.entries('limits')) {
    const message = 'a field is named twice; name each once';
    for (const repeated of repeatedIn(value.per)) {
      const within = join(join(path, 'per'), repeated.index);
      yield { code: 'duplicate', path: within, value: repeated.text, message };
    }
  }
  for (const { path, value } of draft.entries('tiers')) {
    for (const name of Object.keys(value)) yield* draft.unknownName('limits', name, join(path, name));
  }
  yield* overrideFaults(draft);
  for (const group of draft.entries('groups')) yield* groupFaults(draft, group);
  yield* patternFaults(draft);
  const { defaultTier, unmatched } = draft.document;
  if (typeof defaultTier === 'string') yield* draft.unknownName('tiers', defaultTier, 'defaultTier');
  if (typeof unmatched === 'string') yield* draft.unknownName('groups', unmatched, 'unmatched', VERDICTS);
}

function* overrideFaults(draft: Draft): Generator<Fault> {
  const seen = new Map<string, string>();
  for (const { path, value } of draft.entries('overrides')) {
    const { limit, where } = value;
    if (typeof limit !== 'string') continue;
    yield* draft.unknownName('limits', limit, join(path, 'limit'));
    if (!isRecord(where) || !draft.isSound(join(path, 'where'))) continue;
    const fields = Object.keys(where).sort();
    const identity = joinKey([limit, ...fields.flatMap((field) => [field, String(where[field])])]);
    const first = seen.get(identity);
    if (first === undefined) seen.set(identity, path);
    else {
      const message = `${first} is for the same limit and the same fields, and comes first; drop one`;
      yield { code: 'duplicate', path, value, message };
    }
  }
}

function* groupFaults(draft: Draft, { name, path, value }: Entry): Generator<Fault> {
  if (VERDICTS.includes(name)) {
    const message = `"unmatched" takes ${show(name)} for a verdict; call the group something else`;
    yield { code: 'bad-name', path, value: name, message };
  }
  if (name === 'unmatched') {
    const message = 'decisions name this group when no pattern matched; call yours something else';
    yield { code: 'bad-name', path, value: name, message };
  }
  const within = join(path, 'limits');
  for (const { text, index } of textsIn(value.limits)) {
    yield* draft.unknownName('limits', text, join(within, index));
  }
  for (const { text, index } of repeatedIn(value.limits)) {
    const message = `${show(text)} is listed already; a limit is charged once`;
    yield { code: 'duplicate', path: join(within, index), value: text, message };
  }
  if (isRecord(value.leave)) yield* leaveFaults(draft, value, value.leave, join(path, 'leave'));
}

function* leaveFaults(draft: Draft, group: Entry['value'], leave: object, path: string): Generator<Fault> {
  if (!Array.isArray(group.limits)) return;
  const limits = new Set(textsIn(group.limits).map(({ text }) => text));
  const permits = new Set([...limits].filter((limit) => draft.limit(limit)?.algorithm === 'concurrency'));
  for (const name of Object.keys(leave)) {
    const isUncertain = limits.has(name) && !isClear(draft, name);
    if (permits.has(name) || isUncertain) continue;
    const message = `${show(name)} is no concurrency limit of this group${draft.suggest(name, () => [...permits])}`;
    yield { code: 'bad-value', path: join(path, name), value: name, message };
  }
}

/** Whether it is known which algorithm a limit has. */
function isClear(draft: Draft, name: string): boolean {
  return draft.limit(name)?.algorithm !== undefined && draft.isSound(join(join('limits', name), 'algorithm'));
}

function* patternFaults(draft: Draft): Generator<Fault> {
  const routes: { readonly pattern: Pattern; readonly group: string; readonly path: string }[] = [];
  for (const { name, path, value } of draft.entries('groups')) {
    for (const { text, index } of textsIn(value.match)) {
      const within = join(join(path, 'match'), index);
      try {
        routes.push({ pattern: parsePattern(text, within), group: name, path: within });
      } catch (error) {
        if (!isHeadgateError(error, 'PolicyError')) throw error;
        yield* error.faults;
      }
    }
  }
  const { paths } = draft.document;
  const isSensitive = isRecord(paths) && paths.case === 'sensitive';
  for (const { first, second } of conflicts(routes, { case: isSensitive ? 'sensitive' : 'insensitive' })) {
    const message = `the same requests match ${show(first.pattern.text)} of group ${show(first.group)}; drop one`;
    yield { code: 'equal-patterns', path: second.path, value: second.pattern.text, message };
  }
}

/** A text in a list, and where it stands. */
interface TextAt {
  readonly text: string;
  readonly index: number;
}

function textsIn(list: unknown): TextAt[] {
  if (!Array.isArray(list)) return [];
  return list.flatMap((text, index) => (typeof text === 'string' ? [{ text, index }] : []));
}

/** The texts that stand in the list before. */
function repeatedIn(list: unknown): TextAt[] {
  const seen = new Set<string>();
  return textsIn(list).filter(({ text }) => {
    const isRepeated = seen.has(text);
    seen.add(text);
    return isRepeated;
  });
}
