import { Collected } from './collected.ts';
import type { Fetch } from './request.ts';

/** Bytes of a `Request`'s body that are kept in memory for another attempt; a longer one is sent once. */
const MAX_KEPT = 1_048_576;

/** A request that is sent as often as its body allows. */
export interface Sendable {
  send(): Promise<Response>;
  /** Whether it could be sent once more. */
  readonly isRepeatable: boolean;
  /** Resolves when the copy that another attempt would send has been made, if one is made. */
  readonly copied?: Promise<void> | undefined;
  /** It will not be sent again. */
  end(): void;
}

/** Tells by its body how often a request can be sent. Nothing is read before it is sent. */
export function sendable(
  fetch: Fetch,
  input: string | URL | Request,
  init: RequestInit | undefined,
): Sendable {
  const body = init?.body;
  if (body !== undefined && body !== null) {
    return { send: async () => fetch(input, init), isRepeatable: isKept(body), end: () => undefined };
  }
  if (typeof input === 'object' && 'body' in input && input.body !== null) {
    return new StreamedRequest(fetch, input, init);
  }
  return { send: async () => fetch(input, init), isRepeatable: true, end: () => undefined };
}

/** Whether `fetch` can read it any number of times; what is not known to be like that, such as a stream, it cannot. */
function isKept(body: unknown): boolean {
  if (typeof body !== 'object' || body === null) return true;
  if (body instanceof ArrayBuffer || ArrayBuffer.isView(body)) return true;
  return body instanceof Blob || body instanceof URLSearchParams || body instanceof FormData;
}

/** A `Request` with a body, which nobody can tell the origin of: a copy of it is read while it is sent. */
class StreamedRequest implements Sendable {
  readonly #fetch: Fetch;
  readonly #request: Request;
  readonly #init: RequestInit | undefined;
  #copy: Collected | undefined;

  constructor(fetch: Fetch, request: Request, init: RequestInit | undefined) {
    this.#fetch = fetch;
    this.#request = request;
    this.#init = init;
  }

  get isRepeatable(): boolean {
    return this.#copy?.bytes !== undefined;
  }

  get copied(): Promise<void> | undefined {
    return this.#copy?.ended;
  }

  async send(): Promise<Response> {
    // Browsers refuse a `fetch` that is called as a method.
    const fetch = this.#fetch;
    const bytes = this.#copy?.bytes;
    if (bytes !== undefined) return fetch(this.#request, { ...this.#init, body: bytes });
    const { body } = this.#request.clone();
    if (body !== null) this.#copy = new Collected(body, MAX_KEPT);
    return fetch(this.#request, this.#init);
  }

  end(): void {
    this.#copy?.cancel();
  }
}
