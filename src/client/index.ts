/**
 * A `fetch` that keeps to the limits of the servers it talks to. Start with {@link createLimitedFetch}.
 *
 * @module headgate/client
 */

export { createLimitedFetch } from './client.ts';
export type { Attempt, LimitedFetchOptions, RetryEvent, WaitEvent, WaitReason } from './options.ts';
export type { Fetch, OutgoingRequest } from './request.ts';
export type { ResetUnit } from './reset.ts';
export { RetryError, type RetryErrorCode, type RetryErrorFields } from './retry-error.ts';
