import { checkGiven } from '../errors.ts';
import { sendable } from './body.ts';
import { Exchange } from './exchange.ts';
import { Lanes } from './lanes.ts';
import { checkOptions, type LimitedFetchOptions } from './options.ts';
import { describeRequest, type Fetch, originOf, signalOf } from './request.ts';

/**
 * A `fetch` that keeps to the limits of the servers it talks to. It reads what their responses say about limits, waits
 * before sending while the tightest limit of a host is empty, and sends again what was refused with 429 or 503: after
 * `Retry-After` where that is given, else after a random, exponentially growing time. Requests that wait are let go in
 * order, and no more of them than there are units left.
 *
 * It takes what `fetch` takes and returns what it returns. An abort rejects with the signal's reason, also while it waits.
 * A response with status 429 or 503 that cannot be waited for is thrown as a {@link RetryError}.
 *
 * A body is sent again if it can be: text, bytes, `Blob`, `FormData`, `URLSearchParams`, and that of a `Request` if it is
 * no longer than 1 MiB. Streams are sent once.
 *
 * @param fetch - the platform's `fetch`, or anything that is called like it
 * @throws PolicyError naming every faulty option, or a `fetch` that is no function
 *
 * @example
 * ```ts
 * const limitedFetch = createLimitedFetch(fetch, { maxWait: '1m' });
 * const response = await limitedFetch('https://api.example/v1/calls');
 * ```
 */
export function createLimitedFetch(fetch: Fetch, options: LimitedFetchOptions = {}): Fetch {
  checkGiven(typeof fetch === 'function', 'fetch', fetch, 'a function that is called like fetch');
  const settings = checkOptions(options);
  const lanes = new Lanes(settings.timer, settings.maxWait);
  return async (input, init) => {
    const request = describeRequest(input, init);
    const lane = lanes.get(originOf(request.url), settings.policyOf?.(request) ?? '');
    const signal = signalOf(input, init);
    return new Exchange(settings, lane, request, sendable(fetch, input, init), signal).run();
  };
}
