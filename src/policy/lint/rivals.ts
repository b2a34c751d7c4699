/**
 * Pairs of patterns that some requests fit both.
 *
 * @module
 */

import type { PatternSegment } from '../pattern.ts';
import type { ListedPattern } from './routes.ts';

/** A place that patterns of one shape share. */
interface Place {
  readonly literals: Map<string, Place>;
  param: Place | undefined;
  one: Place | undefined;
  /** Patterns that end here. */
  readonly here: ListedPattern[];
  /** Patterns that end here in `**`. */
  readonly rest: ListedPattern[];
}

/** Finds who may win requests of a pattern, without a look at all the others. */
export class Rivals {
  readonly #root = createPlace();
  readonly #foldsCase: boolean;

  constructor(listed: readonly ListedPattern[], foldsCase: boolean) {
    this.#foldsCase = foldsCase;
    for (const each of listed) this.#insert(each);
  }

  /** Patterns whose paths overlap with the loser's and that are no less specific, the most specific first. */
  *of(loser: ListedPattern): Generator<ListedPattern> {
    yield* this.#search(this.#root, loser.pattern.segments, 0, false);
  }

  #insert(listed: ListedPattern): void {
    let place = this.#root;
    for (const segment of listed.pattern.segments) {
      if (segment.kind === 'rest') {
        place.rest.push(listed);
        return;
      }
      place = this.#childOf(place, segment);
    }
    place.here.push(listed);
  }

  #childOf(place: Place, segment: Exclude<PatternSegment, { kind: 'rest' }>): Place {
    if (segment.kind === 'literal') {
      const key = this.#keyOf(segment.text);
      const child = place.literals.get(key) ?? createPlace();
      place.literals.set(key, child);
      return child;
    }
    const child = place[segment.kind] ?? createPlace();
    place[segment.kind] = child;
    return child;
  }

  /** @param isAhead - whether those at this place are more specific than the loser, whatever follows */
  *#search(
    place: Place,
    segments: readonly PatternSegment[],
    depth: number,
    isAhead: boolean,
  ): Generator<ListedPattern> {
    const segment = segments[depth];
    if (segment === undefined || segment.kind === 'rest') yield* place.here;
    if (segment !== undefined) {
      const literals =
        segment.kind === 'literal'
          ? [place.literals.get(this.#keyOf(segment.text))]
          : place.literals.values();
      // Behind the loser's `**` come others of its length or longer.
      const next = segment.kind === 'rest' ? depth : depth + 1;
      for (const child of literals) {
        if (child) yield* this.#search(child, segments, next, isAhead || segment.kind !== 'literal');
      }
      const isOpener = segment.kind !== 'literal';
      if (place.param && (isAhead || isOpener))
        yield* this.#search(place.param, segments, next, isAhead || segment.kind !== 'param');
      if (place.one && (isAhead || (isOpener && segment.kind !== 'param')))
        yield* this.#search(place.one, segments, next, isAhead || segment.kind !== 'one');
    }
    if (isAhead || segment?.kind === 'rest') yield* place.rest;
  }

  #keyOf(text: string): string {
    return this.#foldsCase ? text.toLowerCase() : text;
  }
}

function createPlace(): Place {
  return { literals: new Map(), param: undefined, one: undefined, here: [], rest: [] };
}

/** What fits both of two overlapping patterns, as the segments of a pattern. */
export function overlap(loser: ListedPattern, winner: ListedPattern): PatternSegment[] {
  const [left, right] = [loser.pattern.segments, winner.pattern.segments];
  const common: PatternSegment[] = [];
  for (let i = 0; ; i++) {
    const [mine, other] = [left[i], right[i]];
    if (mine?.kind === 'rest') return [...common, ...right.slice(i)];
    if (other?.kind === 'rest') return [...common, ...left.slice(i)];
    if (mine === undefined || other === undefined) return common;
    common.push(moreSpecific(mine, other));
  }
}

/** The segment that wins, of two that have something in common. */
function moreSpecific(mine: PatternSegment, other: PatternSegment): PatternSegment {
  const order: readonly string[] = ['literal', 'param', 'one', 'rest'];
  return order.indexOf(mine.kind) < order.indexOf(other.kind) ? mine : other;
}
