/**
 * Requests and responses as the gateways in front of AWS Lambda write and take them.
 *
 * @module
 */

import { joined } from './fields.ts';

/** What is used of an event. */
export interface LambdaEvent {
  /** Method, in events of REST APIs and of load balancers. */
  readonly httpMethod?: string;
  /** Path in such events. */
  readonly path?: string;
  /** Path in events of HTTP APIs and function URLs; it begins with the name of the stage, unless that is `$default`. */
  readonly rawPath?: string;
  /** Where there are any in the event of a load balancer, it wants the response's fields in the same form. */
  readonly multiValueHeaders?: object | null | undefined;
  /** `http` in events of HTTP APIs and function URLs, `elb` in those of load balancers. */
  readonly requestContext?: object;
}

/** A response as gateways take it. What else a handler puts into it is kept. */
export interface LambdaResponse {
  /** Status of the response. */
  readonly statusCode: number;
  /** Fields of the response. */
  readonly headers?: Record<string, boolean | number | string>;
  /** Fields with several values. */
  readonly multiValueHeaders?: Record<string, (boolean | number | string)[]>;
  /** The body. */
  readonly body: string;
}

/** What tells gateways apart. */
export function contextOf({ requestContext = {} }: LambdaEvent): {
  readonly http?: { readonly method: string };
  readonly elb?: unknown;
} {
  return requestContext;
}

/** Adds fields to a response, and appends to those of another limiter, however their names are spelt. */
export function withFields<Response extends LambdaResponse>(
  event: LambdaEvent,
  response: Response,
  fields: Readonly<Record<string, string>>,
): Response {
  // A load balancer whose events have several values for a field reads no others of a response.
  const isMulti = contextOf(event).elb !== undefined && event.multiValueHeaders != null;
  const headers = { ...response.headers };
  const multi = { ...response.multiValueHeaders };
  for (const name in fields) {
    const value = fields[name] ?? '';
    const listed = nameIn(multi, name);
    if (isMulti || listed !== undefined) {
      multi[listed ?? name] = [...(multi[listed ?? name] ?? []), value];
      continue;
    }
    const key = nameIn(headers, name) ?? name;
    headers[key] = joined(name, value, headers[key]);
  }
  const hasMulti = Object.keys(multi).length > 0;
  return { ...response, headers, ...(hasMulti && { multiValueHeaders: multi }) };
}

function nameIn(fields: object, name: string): string | undefined {
  return Object.keys(fields).find((other) => other.toLowerCase() === name.toLowerCase());
}
