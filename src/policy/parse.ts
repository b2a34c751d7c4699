import * as v from 'valibot';
import { BUILT_IN } from '../algorithms/index.ts';
import { type Fault, join, PolicyError, show } from '../errors.ts';
import { candidateFaults } from './candidates.ts';
import { denialFaults } from './denials.ts';
import type { PolicyDocument } from './document.ts';
import { Draft } from './draft.ts';
import type { Algorithms } from './plans.ts';
import { quotaFaults } from './quotas.ts';
import { referenceFaults } from './references.ts';
import { algorithmsSchema, policySchema } from './schema.ts';
import { isRecord, shapeFaults } from './shape.ts';

/** Most entries of each part of a policy. */
const MOST = { limits: 1000, groups: 10_000, tiers: 1000, overrides: 100_000 } as const;

/** How many faults are looked for; a document with more of them is no policy that somebody mistyped. */
const MOST_FAULTS = 1000;

/** The longest path of a fault; only a wrong document has names that make a longer one. */
const MOST_PATH = 300;

/**
 * A policy from outside, checked from end to end.
 *
 * @param input - a parsed JSON document, or anything else
 * @param algorithms - builders of the custom algorithms it may name
 * @returns `input` itself
 * @throws PolicyError with every fault (of more than a thousand, the first thousand): its path, the value and what
 * would be right
 */
export function parsePolicy(input: unknown, algorithms: Algorithms = {}): PolicyDocument {
  const faults = [...algorithmFaults(algorithms)];
  faults.push(...documentFaults(input, isRecord(algorithms) ? algorithms : {}));
  const [first, ...rest] = faults.map(legible);
  if (first !== undefined) throw new PolicyError([first, ...rest]);
  return input as PolicyDocument;
}

function documentFaults(input: unknown, algorithms: Algorithms): Fault[] {
  const tooMany = [...sizeFaults(input)];
  if (tooMany.length > 0) return tooMany;
  const schema = policySchema(Object.keys(algorithms).map((name) => v.literal(name)));
  const shape = firstOf(shapeFaults(schema, input));
  return isRecord(input) ? firstOf(allFaults(new Draft(input, algorithms, shape), shape)) : shape;
}

function* sizeFaults(input: unknown): Generator<Fault> {
  for (const [part, most] of Object.entries(MOST)) {
    const value = isRecord(input) ? input[part] : undefined;
    const size = typeof value === 'object' && value !== null ? Object.keys(value).length : 0;
    if (size <= most) continue;
    yield {
      code: 'too-many',
      path: part,
      value: size,
      message: `${size} ${part}; at most ${most} are taken`,
    };
  }
}

function* algorithmFaults(algorithms: unknown): Generator<Fault> {
  yield* shapeFaults(algorithmsSchema, algorithms, 'algorithms');
  for (const name of ['concurrency', ...Object.keys(BUILT_IN)]) {
    if (!isRecord(algorithms) || !Object.hasOwn(algorithms, name)) continue;
    const message = `${show(name)} is built in; call the custom algorithm something else`;
    yield { code: 'bad-name', path: join('algorithms', name), value: name, message };
  }
}

function* allFaults(draft: Draft, shape: readonly Fault[]): Generator<Fault> {
  yield* shape;
  yield* quotaFaults(draft);
  yield* referenceFaults(draft);
  yield* denialFaults(draft);
  if (shape.length === 0) yield* candidateFaults(draft);
}

/** As many faults as are looked for, none twice. */
function firstOf(faults: Iterable<Fault>): Fault[] {
  const found = new Map<string, Fault>();
  for (const fault of faults) {
    found.set(`${fault.path}: ${fault.message}`, fault);
    if (found.size === MOST_FAULTS) break;
  }
  return [...found.values()];
}

/** A fault without what would break a line, or hide what stands in it. */
function legible(fault: Fault): Fault {
  const { path } = fault;
  const clipped = path.length <= MOST_PATH ? path : `${path.slice(0, MOST_PATH)}…`;
  return { ...fault, path: oneLine(clipped), message: oneLine(fault.message) };
}

function oneLine(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu,
    (odd) => `\\u{${odd.codePointAt(0)?.toString(16)}}`,
  );
}
