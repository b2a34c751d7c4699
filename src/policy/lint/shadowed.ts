import { show } from '../../errors.ts';
import type { PolicyDocument } from '../document.ts';
import type { PatternSegment } from '../pattern.ts';
import { fieldsOf } from './budget.ts';
import type { Finding } from './finding.ts';
import { overlap, Rivals } from './rivals.ts';
import type { ListedPattern, Routes } from './routes.ts';

/**
 * Patterns that lose some of their requests to another group, which does not have all of their limits, where that is
 * likely not meant: neither pattern is an exception to the other, or the other calls a segment by another name than the
 * lost limit does.
 */
export function* shadowedPatterns(document: PolicyDocument, routes: Routes): Generator<Finding> {
  // What ends in its first open segment has only exceptions.
  const losers = routes.listed.filter(({ pattern }) =>
    pattern.segments.some(({ kind }) => kind === 'param' || kind === 'one'),
  );
  const rivals = new Rivals(routes.listed, routes.foldsCase);
  for (const loser of losers) {
    for (const winner of rivals.of(loser)) {
      const uncounted = winner.group === loser.group ? [] : uncountedBy(document, loser, winner);
      const method = uncounted.length === 0 ? undefined : lostMethod(routes, loser, winner);
      if (method === undefined) continue;
      yield shadowed({ loser, winner, method, uncounted });
      break;
    }
  }
}

/** A pattern that loses some of its requests. */
interface Loss {
  readonly loser: ListedPattern;
  readonly winner: ListedPattern;
  readonly method: string;
  /** Limits that do not count these requests. */
  readonly uncounted: readonly string[];
}

function shadowed({ loser, winner, method, uncounted }: Loss): Finding {
  const [mine, others] = [loser, winner].map(
    ({ pattern, group }) => `${show(pattern.text)} of group ${show(group)}`,
  );
  const shared = show(textOf(method, overlap(loser, winner)));
  const isPlural = uncounted.length > 1;
  const limits = `limit${isPlural ? 's' : ''} ${uncounted.map((name) => show(name)).join(', ')}`;
  const consequence = `so ${limits} of group ${show(loser.group)} ${isPlural ? 'do' : 'does'} not count them`;
  const isException = !namesMore(loser, winner);
  return {
    code: 'shadowed-pattern',
    path: loser.path,
    message: isException
      ? `${shared} fits ${mine} and is won by ${others}, which calls a segment by another name, ${consequence}.`
      : `${shared} fits ${mine} and ${others}. The latter wins, since it is more specific further to the left, ${consequence}.`,
    remedy: isException
      ? `Give the segment the same name in both patterns, and list the ${limits} in group ${show(winner.group)} too; or name no segment in one of them.`
      : `List ${shared} in the group that such requests should be in.`,
  };
}

/** The loser's limits that the winner's group does not have, where that is likely not meant. */
function uncountedBy(document: PolicyDocument, loser: ListedPattern, winner: ListedPattern): string[] {
  const others = limitsOf(document, winner);
  const lost = limitsOf(document, loser).filter((name) => !others.includes(name));
  if (namesMore(loser, winner)) return lost;
  return lost.filter((name) => isRenamed(fieldsOf(document, name), loser, winner));
}

function limitsOf(document: PolicyDocument, { group }: ListedPattern): readonly string[] {
  return document.groups[group]?.limits ?? [];
}

/** A method of which the winner takes some of the loser's requests, where the loser has others of its own. */
function lostMethod(routes: Routes, loser: ListedPattern, winner: ListedPattern): string | undefined {
  const paths = routes.samplesOf(overlap(loser, winner));
  const isForAll = loser.pattern.methods.includes('*');
  const methods = isForAll ? winner.pattern.methods : loser.pattern.methods;
  return methods.find(
    (method) =>
      paths.some((path) => routes.winner(method, path) === winner) &&
      routes.thieves(loser, isForAll ? '*' : method) === undefined,
  );
}

/** Whether the loser names a segment that the winner leaves open, so that it is no mere exception to it. */
function namesMore(loser: ListedPattern, winner: ListedPattern): boolean {
  const others = winner.pattern.segments;
  return loser.pattern.segments.some(
    ({ kind }, i) => kind === 'literal' && (others[i] ?? others.at(-1))?.kind !== 'literal',
  );
}

/** Whether one of these fields is a segment of the loser that has another name in the winner. */
function isRenamed(fields: readonly string[], loser: ListedPattern, winner: ListedPattern): boolean {
  const others = winner.pattern.segments;
  const names = others.flatMap((segment) => (segment.kind === 'param' ? [segment.name] : []));
  return loser.pattern.segments.some(
    (segment, i) =>
      segment.kind === 'param' &&
      fields.includes(segment.name) &&
      others[i]?.kind === 'param' &&
      !names.includes(segment.name),
  );
}

/** These segments as a pattern, in which no parameter has the name of another one. */
function textOf(method: string, segments: readonly PatternSegment[]): string {
  const names = new Set<string>();
  const texts = segments.map((segment) => {
    if (segment.kind === 'literal') return segment.text;
    if (segment.kind !== 'param') return segment.kind === 'one' ? '*' : '**';
    let { name } = segment;
    while (names.has(name)) name += '2';
    names.add(name);
    return `:${name}`;
  });
  return `${method} /${texts.join('/')}`;
}
