/**
 * Responses of `fetch`, as far as adapters use them.
 *
 * @module
 */

import type { Release } from './permits.ts';

/**
 * Gives permits back when the body has been read, cancelled or has failed; at once if none is sent. The response is not
 * over before they are: many a runtime drops what is still to be done then.
 */
export function holding(response: Response, release: Release, method: string): Response | Promise<Response> {
  const { body } = response;
  if (body === null || method === 'HEAD') return release()?.then(() => response) ?? response;
  const reader = body.getReader();
  const source = {
    async pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
      try {
        const { done, value } = await reader.read();
        if (!done) return controller.enqueue(value);
        const releasing = release();
        if (releasing !== undefined) await releasing;
        controller.close();
      } catch (error) {
        controller.error(error);
        await release();
      }
    },
    async cancel(reason: unknown): Promise<void> {
      const releasing = release();
      await reader.cancel(reason).finally(() => releasing);
    },
  };
  // Nothing is read ahead of whoever reads the response.
  return new Response(new ReadableStream(source, { highWaterMark: 0 }), response);
}

/** Appends fields to a response, copying it only if its own are immutable. */
export function withFields(response: Response, fields: Readonly<Record<string, string>>): Response {
  try {
    append(response.headers, fields);
    return response;
  } catch {
    // What turns into another protocol cannot be copied.
    if (response.status < 200) return response;
    const copy = new Response(response.body, response);
    append(copy.headers, fields);
    return copy;
  }
}

function append(headers: Headers, fields: Readonly<Record<string, string>>): void {
  for (const name in fields) headers.append(name, fields[name] ?? '');
}
