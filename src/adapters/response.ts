/**
 * Responses of `fetch`, as far as adapters use them.
 *
 * @module
 */

import type { Admission } from '../concurrency/admission.ts';

/** Gives the permits back when the body has been read, cancelled or has failed; at once if none is sent. */
export function holding(response: Response, admission: Admission, method: string): Response {
  const { body } = response;
  if (body === null || method === 'HEAD' || !admission.holdsPermits) {
    admission.release();
    return response;
  }
  const reader = body.getReader();
  const source = {
    async pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
      try {
        const { done, value } = await reader.read();
        if (!done) return controller.enqueue(value);
        controller.close();
      } catch (error) {
        controller.error(error);
      }
      admission.release();
    },
    cancel(reason: unknown): Promise<void> {
      admission.release();
      return reader.cancel(reason);
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
