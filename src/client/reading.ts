import type { Millis } from '../time.ts';
import { readDraftFields } from './draft-fields.ts';
import { momentOf } from './moment.ts';
import { readPlainFields } from './plain-fields.ts';
import { type LimitReport, MAX_LIMITS, readCount } from './report.ts';
import type { ResetUnit } from './reset.ts';
import { readRetryAfter } from './retry-after.ts';

/** What a response says about limits. */
export interface Reading {
  /** Each limit that it reports. */
  readonly limits: readonly LimitReport[];
  /** The instant before which nothing should be sent; `undefined` if it does not say. */
  readonly retryAt: Millis | undefined;
}

/**
 * Reads the fields of a response, in whichever dialect it speaks; several at once are fine. Never throws, whatever they
 * hold: what makes no sense is left out.
 *
 * @param isRefusal - whether it is one that `Retry-After` speaks of; with others, such as 202, that means something else
 * @param now - when it came
 * @param unit - what a plain number in a reset field means
 */
export function readResponse(
  headers: Headers,
  isRefusal: boolean,
  now: Millis,
  unit: ResetUnit = 'auto',
): Reading {
  // What a cache has kept tells how things were.
  if ((readCount(headers.get('age') ?? undefined) ?? 0) > 0) return { limits: [], retryAt: undefined };
  const moment = momentOf(headers, now);
  const wait = isRefusal ? readRetryAfter(headers, moment) : undefined;
  const retryAt = wait === undefined ? undefined : now + wait;
  const limits = [
    ...readDraftFields(headers, moment),
    ...readPlainFields(headers, unit, moment),
    ...readShopify(headers),
  ].slice(0, MAX_LIMITS);
  return { limits: withRetry(limits, retryAt), retryAt };
}

/** The same with a wait that the body asks for. */
export function withWait(reading: Reading, now: Millis, wait: Millis | undefined): Reading {
  if (wait === undefined) return reading;
  const retryAt = now + wait;
  return { limits: withRetry(reading.limits, retryAt), retryAt };
}

/** `Retry-After` goes before a reset, which may be that of the whole quota. */
function withRetry(limits: readonly LimitReport[], retryAt: Millis | undefined): readonly LimitReport[] {
  if (retryAt === undefined) return limits;
  return limits.map((limit) => (limit.remaining > 0 ? limit : { ...limit, resetAt: retryAt }));
}

/** `X-Shopify-Shop-Api-Call-Limit: 32/40`: used, and what there is in all. */
function readShopify(headers: Headers): LimitReport[] {
  const name = 'x-shopify-shop-api-call-limit';
  const [used, quota] = (headers.get(name) ?? '').split('/', 2).map((text) => readCount(text.trim()));
  if (used === undefined || quota === undefined) return [];
  return [{ name, remaining: Math.max(quota - used, 0), quota, resetAt: undefined }];
}
