/**
 * The end of a response of Node, which is also how it is seen that a client has gone away.
 *
 * @module
 */

/** What tells when it has been closed: when the response has ended, and when the client has gone away. */
export interface Closable {
  /** Whether it has been. */
  readonly closed?: boolean;
  /** The stream of HTTP/2, which says it there. */
  readonly stream?: {
    /** Whether it has been closed. */
    readonly closed?: boolean;
  };
  /** Listens once. */
  once(event: 'close' | 'finish', listener: () => void): unknown;
}

/** Whether the response has ended, or the client has gone away. */
export function isClosed({ closed, stream }: Closable): boolean {
  return closed ?? stream?.closed ?? false;
}

/** Aborted when a response is closed. */
export function abortedOnClose(response: Closable): AbortSignal {
  const gone = new AbortController();
  if (isClosed(response)) gone.abort();
  else response.once('close', () => gone.abort());
  return gone.signal;
}
