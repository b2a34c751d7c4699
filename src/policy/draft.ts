import { type Fault, join, show, suggest } from '../errors.ts';
import { isName } from './name.ts';
import type { Algorithms } from './plans.ts';
import { isRecord, wordMeant } from './shape.ts';

/** Parts of a policy that other parts name entries of. */
export type Named = 'limits' | 'groups' | 'tiers';

/** How deep the paths are that {@link Draft.isSound} is asked about. */
const MOST_STEPS = 5;

/** How many faults say what may have been meant: an error lists no more, and the search is long. */
const MOST_SUGGESTIONS = 100;

/** A policy document whose shape may be wrong in places. What hangs together with them is not judged any further. */
export class Draft {
  readonly document: Readonly<Record<string, unknown>>;
  readonly algorithms: Algorithms;
  readonly #faulty = new Set<string>();
  readonly #names: { readonly [part in Named]: ReadonlySet<string> | undefined };
  #suggestions = MOST_SUGGESTIONS;

  /** @param faults - all that is wrong with its shape */
  constructor(document: Readonly<Record<string, unknown>>, algorithms: Algorithms, faults: readonly Fault[]) {
    this.document = document;
    this.algorithms = algorithms;
    for (const fault of faults) {
      const steps = fault.path.split('.', MOST_STEPS);
      for (const end of steps.keys()) this.#faulty.add(steps.slice(0, end + 1).join('.'));
      const meant = fault.code === 'unknown-field' ? wordMeant(fault.message) : undefined;
      if (meant !== undefined) this.#faulty.add([...steps.slice(0, -1), meant].join('.'));
    }
    const { limits, groups, tiers } = document;
    const hasTiers = tiers !== undefined || !this.isSound('tiers');
    this.#names = {
      limits: namesIn(limits),
      groups: namesIn(groups),
      tiers: hasTiers ? namesIn(tiers) : new Set(),
    };
  }

  /** Whether nothing is wrong with the shape of what stands at `path`, nor is it there under a misspelt name. */
  isSound(path: string): boolean {
    return !this.#faulty.has(path);
  }

  /** Names in a part of the document; `undefined` where nobody can tell. */
  names(part: Named): ReadonlySet<string> | undefined {
    return this.#names[part];
  }

  /** What the document says about a limit, if that is an object. */
  limit(name: string): Entry['value'] | undefined {
    const limit = this.#names.limits?.has(name) ? (this.document.limits as Entry['value'])[name] : undefined;
    return isRecord(limit) ? limit : undefined;
  }

  /** The entries of a part that are objects, with their paths. */
  *entries(part: Named | 'overrides'): Generator<Entry> {
    const entries = this.document[part];
    const isRight = part === 'overrides' ? Array.isArray(entries) : isRecord(entries);
    for (const name of isRight ? Object.keys(entries as object) : []) {
      const value = (entries as Entry['value'])[name];
      if (isRecord(value)) yield { name, value, path: join(part, name) };
    }
  }

  /** A fault if `name` is none of the part's; also where its entry is wrong, a name is known. */
  *unknownName(part: Named, name: string, path: string, others: readonly string[] = []): Generator<Fault> {
    const known = this.#names[part];
    if (known === undefined || known.has(name) || others.includes(name)) return;
    const what = part.slice(0, -1);
    const suggestion = this.suggest(name, () => [...[...known].filter(isName), ...others]);
    const message = `unknown ${what} ${show(name)}${suggestion}`;
    yield { code: `unknown-${what}`, path, value: name, message };
  }

  /** What may have been meant by a name; nothing after the hundredth time, see {@link MOST_SUGGESTIONS}. */
  suggest(name: string, known: () => readonly string[]): string {
    return this.#suggestions-- > 0 ? suggest(name, known()) : '';
  }
}

/** One entry of a part of the document. */
export interface Entry {
  readonly name: string;
  readonly path: string;
  readonly value: Readonly<Record<string, unknown>>;
}

function namesIn(part: unknown): ReadonlySet<string> | undefined {
  return isRecord(part) ? new Set(Object.keys(part)) : undefined;
}
