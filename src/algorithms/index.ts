/** The built-in algorithms: a policy's `algorithm` names one of these builders. */

import type { Plan } from './algorithm.ts';
import { type FixedWindowOptions, fixedWindow } from './fixed-window.ts';
import { slidingWindow } from './sliding-window.ts';
import { type TokenBucketOptions, tokenBucket } from './token-bucket.ts';

/** What a policy hands to a builder: quota and window always, the others where the limit has them. */
export interface PlanOptions extends FixedWindowOptions, TokenBucketOptions {
  /** Settings of a custom algorithm, as the policy gives them. */
  readonly options?: Readonly<Record<string, unknown>>;
}

/** Makes a validated plan, or throws a PolicyError whose paths are relative to the options. */
export type PlanBuilder = (options: PlanOptions) => Plan;

/** Builders by the name a policy uses. */
export const BUILT_IN: Readonly<Record<'fixed-window' | 'sliding-window' | 'token-bucket', PlanBuilder>> = {
  'fixed-window': fixedWindow,
  'sliding-window': slidingWindow,
  'token-bucket': tokenBucket,
};
