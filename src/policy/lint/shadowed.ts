import { show } from '../../errors.ts';
import type { PolicyDocument } from '../document.ts';
import type { PatternSegment } from '../pattern.ts';
import { fieldsOf } from './budget.ts';
import type { Finding } from './finding.ts';
import type { ListedPattern, Routes } from './routes.ts';

/**
 * Patterns that lose some of their requests to another group, which does not have all of their limits, where that is
 * likely not meant: neither pattern is an exception to the other, or the other calls a segment by another name than the
 * lost limit does.
 */
export function* shadowedPatterns(document: PolicyDocument, routes: Routes): Generator<Finding> {
  // A pattern that ends in its first open segment has only exceptions.
  const losers = routes.listed.filter(({ pattern }) =>
    pattern.segments.some(({ kind }) => kind === 'param' || kind === 'one'),
  );
  for (const loser of losers) {
    for (const winner of routes.listed) {
      if (winner.group === loser.group) continue;
      const common = overlap(loser.pattern.segments, winner.pattern.segments, routes.foldsCase);
      if (common === undefined) continue;
      yield* findingsOf({ document, routes, loser, winner, common });
    }
  }
}

/** Two patterns that some requests fit both. */
interface Rivals {
  readonly document: PolicyDocument;
  readonly routes: Routes;
  readonly loser: ListedPattern;
  readonly winner: ListedPattern;
  /** What fits both. */
  readonly common: readonly PatternSegment[];
}

function* findingsOf({ document, routes, loser, winner, common }: Rivals): Generator<Finding> {
  const lost = limitsOf(document, loser).filter((name) => !limitsOf(document, winner).includes(name));
  const isRival = namesMore(loser, winner);
  const renamed = isRival ? [] : lost.filter((name) => isRenamed(fieldsOf(document, name), loser, winner));
  const uncounted = isRival ? lost : renamed;
  if (uncounted.length === 0) return;
  const method = lostMethod({ document, routes, loser, winner, common });
  if (method === undefined) return;
  const [mine, others] = [loser, winner].map(
    ({ pattern, group }) => `${show(pattern.text)} of group ${show(group)}`,
  );
  const shared = show(textOf(method, common));
  const limits = `limit${uncounted.length > 1 ? 's' : ''} ${uncounted.map((name) => show(name)).join(', ')}`;
  const consequence = `so ${limits} of group ${show(loser.group)} ${uncounted.length > 1 ? 'do' : 'does'} not count them`;
  yield isRival
    ? {
        code: 'shadowed-pattern',
        path: loser.path,
        message: `${shared} fits ${mine} and ${others}. The latter wins, since it is more specific further to the left, ${consequence}.`,
        remedy: `List ${shared} in the group that such requests should be in.`,
      }
    : {
        code: 'shadowed-pattern',
        path: loser.path,
        message: `${shared} fits ${mine} and is won by ${others}, which calls a segment by another name, ${consequence}.`,
        remedy: `Give the segment the same name in both patterns, and list the ${limits} in group ${show(winner.group)} too; or name no segment in one of them.`,
      };
}

function limitsOf(document: PolicyDocument, { group }: ListedPattern): readonly string[] {
  return document.groups[group]?.limits ?? [];
}

/** A method of which the winner takes some of the loser's requests, where the loser has others of its own. */
function lostMethod({ routes, loser, winner, common }: Rivals): string | undefined {
  const paths = routes.samplesOf(common);
  const methods = loser.pattern.methods.includes('*') ? winner.pattern.methods : loser.pattern.methods;
  return methods.find(
    (method) =>
      paths.some((path) => routes.winner(method, path) === winner) &&
      routes.thieves(loser, loser.pattern.methods.includes('*') ? '*' : method) === undefined,
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

/** What fits both patterns, as the segments of a pattern; `undefined` if nothing does. */
function overlap(
  loser: readonly PatternSegment[],
  winner: readonly PatternSegment[],
  foldsCase: boolean,
): PatternSegment[] | undefined {
  const common: PatternSegment[] = [];
  for (let i = 0; ; i++) {
    const [mine, other] = [loser[i], winner[i]];
    if (mine?.kind === 'rest') return [...common, ...winner.slice(i)];
    if (other?.kind === 'rest') return [...common, ...loser.slice(i)];
    if (mine === undefined || other === undefined) return mine === other ? common : undefined;
    if (mine.kind === 'literal' && other.kind === 'literal' && !isSame(mine.text, other.text, foldsCase))
      return undefined;
    common.push(moreSpecific(mine, other));
  }
}

function isSame(a: string, b: string, foldsCase: boolean): boolean {
  return foldsCase ? a.toLowerCase() === b.toLowerCase() : a === b;
}

/** The segment that wins, of two that have something in common. */
function moreSpecific(mine: PatternSegment, other: PatternSegment): PatternSegment {
  const order: readonly string[] = ['literal', 'param', 'one', 'rest'];
  return order.indexOf(mine.kind) < order.indexOf(other.kind) ? mine : other;
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
