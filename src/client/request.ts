/** `fetch`, as far as it is needed: the platform's, or anything that is called like it. */
export type Fetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

/** What is known of a request before it is sent. */
export interface OutgoingRequest {
  /** In capital letters where the standard methods are concerned, such as `GET`. */
  readonly method: string;
  /** As it was given. */
  readonly url: string;
}

const STANDARD = /^(?:delete|get|head|options|post|put|patch)$/i;

/** Describes what `fetch` is called with. Reads no body. */
export function describeRequest(
  input: string | URL | Request,
  init: RequestInit | undefined,
): OutgoingRequest {
  const request = typeof input === 'object' && 'url' in input ? input : undefined;
  const method = init?.method ?? request?.method ?? 'GET';
  return {
    method: STANDARD.test(method) ? method.toUpperCase() : method,
    url: request?.url ?? String(input),
  };
}

/** The signal that a request is aborted by. */
export function signalOf(
  input: string | URL | Request,
  init: RequestInit | undefined,
): AbortSignal | undefined {
  if (init?.signal !== undefined) return init.signal ?? undefined;
  return typeof input === 'object' && 'signal' in input ? input.signal : undefined;
}

/** Scheme, host and port; empty for what is relative to a page, which is all one host. */
export function originOf(url: string): string {
  return /^[a-z][a-z\d+.-]*:/i.test(url) && URL.canParse(url) ? new URL(url).origin : '';
}
