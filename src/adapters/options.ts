/**
 * Options that all adapters have.
 *
 * @module
 */

import { type Fault, PolicyError, show, suggest, unknownFields } from '../errors.ts';
import type { Descriptor, GroupName } from '../policy/descriptor.ts';
import type { PolicyDocument } from '../policy/document.ts';

/** Options of an adapter for a framework, whose requests and responses are `Request` and `Response`. */
export interface AdapterOptions<P extends PolicyDocument, Request, Response> {
  /**
   * Who asks: partition fields, tier, cost, and the group if it is known. Method and path are added where they are not
   * given. What it throws goes to the framework's own error handling, which answers with status 500 unless it is told
   * otherwise; but see `onIdentifyError`.
   */
  readonly identify: (request: Request) => Descriptor<P> | Promise<Descriptor<P>>;
  /** The group of all requests about which `identify` names none. Default: the one that method and path match. */
  readonly group?: GroupName<P> | undefined;
  /**
   * What becomes of a request that `identify` threw about: `fail` (the default) hands the error to the framework, `allow`
   * lets the request pass without a limit. A descriptor that the policy cannot read, say because a field is missing, is
   * an error always: whoever leaves out a key must not get a free pass.
   */
  readonly onIdentifyError?: 'fail' | 'allow' | undefined;
  /** Whether a finished response counts; if not, its charge is given back. Default: all count. */
  readonly countWhen?: ((response: Response) => boolean) | undefined;
  /**
   * Told of every request that could not be decided about, whether it then failed or passed, of what `countWhen` threw, and
   * of permits and charges that a store would not take back. It must not throw itself. Default: nobody is told.
   */
  readonly onError?: ((error: unknown, request: Request) => void) | undefined;
}

const ANSWERS = ['fail', 'allow'] as const;

const OPTIONS: readonly string[] = [
  'identify',
  'group',
  'onIdentifyError',
  'countWhen',
  'onError',
] satisfies (keyof AdapterOptions<PolicyDocument, unknown, unknown>)[];

/**
 * @param more - options that the adapter has besides
 * @throws PolicyError naming every option that is unknown or of no use
 */
export function checkOptions(
  options: {
    readonly [name in 'identify' | 'countWhen' | 'onError']?: unknown;
  } & Pick<AdapterOptions<PolicyDocument, unknown, unknown>, 'onIdentifyError'>,
  more: readonly string[] = [],
): void {
  const { onIdentifyError } = options;
  const faults: Fault[] = unknownFields(options, [...OPTIONS, ...more]);
  for (const path of ['identify', 'countWhen', 'onError'] as const) {
    const value: unknown = options[path];
    if (typeof value === 'function' || (value === undefined && path !== 'identify')) continue;
    faults.push({ code: 'bad-value', path, value, message: `${path} is ${show(value)}; give a function` });
  }
  if (onIdentifyError !== undefined && !ANSWERS.includes(onIdentifyError)) {
    const message = `onIdentifyError is ${show(onIdentifyError)}${suggest(onIdentifyError, ANSWERS)}; give "fail" or "allow"`;
    faults.push({ code: 'bad-value', path: 'onIdentifyError', value: onIdentifyError, message });
  }
  const [first, ...rest] = faults;
  if (first !== undefined) throw new PolicyError([first, ...rest]);
}
