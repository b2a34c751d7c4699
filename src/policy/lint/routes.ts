/**
 * The patterns of a policy, and requests that stand for all requests of a pattern.
 *
 * @module
 */

import { join } from '../../errors.ts';
import type { PolicyDocument } from '../document.ts';
import { createMatcher, type Matcher } from '../match.ts';
import { type Pattern, type PatternSegment, parsePattern } from '../pattern.ts';

/** A pattern, whose it is, and where it stands in the policy. */
export interface ListedPattern {
  readonly pattern: Pattern;
  readonly group: string;
  readonly path: string;
}

/**
 * All patterns of a policy.
 *
 * What a pattern can win is decided by trying requests on the matcher itself. A request whose open segments hold a text
 * that no pattern names meets only those patterns that every other request of its shape meets too. So whoever wins it
 * wins at least what is not named elsewhere, and whoever loses all of them loses every request. Behind a `**`, lengths up
 * to one more than the longest pattern's stand for all lengths.
 */
export class Routes {
  readonly listed: readonly ListedPattern[];
  /** Whether literals of one letter in two cases are the same. */
  readonly foldsCase: boolean;
  readonly #byPattern: ReadonlyMap<Pattern, ListedPattern>;
  readonly #matcher: Matcher;
  readonly #longest: number;
  readonly #anySegment: string;
  readonly #anyMethod: string;

  constructor(document: PolicyDocument) {
    const letterCase = document.paths?.case ?? 'insensitive';
    this.foldsCase = letterCase === 'insensitive';
    this.listed = Object.entries(document.groups).flatMap(([group, { match = [] }]) =>
      match.map((text, i) => ({
        pattern: parsePattern(text),
        group,
        path: join(`groups.${group}.match`, i),
      })),
    );
    this.#byPattern = new Map(this.listed.map((each) => [each.pattern, each]));
    this.#matcher = createMatcher(this.listed, { case: letterCase });
    const segments = this.listed.flatMap(({ pattern }) => pattern.segments);
    const literals = segments.flatMap((each) => (each.kind === 'literal' ? each.text.toLowerCase() : []));
    this.#longest = this.listed.reduce((most, { pattern }) => Math.max(most, pattern.segments.length), 0);
    this.#anySegment = unnamed('x', new Set(literals));
    this.#anyMethod = unnamed('X', new Set(this.listed.flatMap(({ pattern }) => pattern.methods)));
  }

  /** The pattern that a request goes to. */
  winner(method: string, path: string): ListedPattern | undefined {
    const match = this.#matcher.match(method === '*' ? this.#anyMethod : method, path);
    return match && this.#byPattern.get(match.pattern);
  }

  /** Paths that stand for all those of these segments. */
  samplesOf(segments: readonly PatternSegment[]): string[] {
    const isOpen = segments.at(-1)?.kind === 'rest';
    const fixed = (isOpen ? segments.slice(0, -1) : segments).map((each) =>
      each.kind === 'literal' ? each.text : this.#anySegment,
    );
    const most = isOpen ? Math.max(0, this.#longest - fixed.length) + 1 : 0;
    return Array.from({ length: most + 1 }, (_, more) => {
      const rest = new Array<string>(more).fill(this.#anySegment);
      return `/${[...fixed, ...rest].join('/')}`;
    });
  }

  /** Those that take a pattern's requests of one method from it; `undefined` if some are its own. */
  thieves({ pattern }: ListedPattern, method: string): ListedPattern[] | undefined {
    const winners = new Set(this.samplesOf(pattern.segments).map((path) => this.winner(method, path)));
    const others = [...winners].flatMap((winner) => winner ?? []);
    return others.some((winner) => winner.pattern === pattern) ? undefined : others;
  }
}

/** A text made of `letter` that is not among `names`. */
function unnamed(letter: string, names: ReadonlySet<string>): string {
  let text = letter;
  while (names.has(text)) text += letter;
  return text;
}
