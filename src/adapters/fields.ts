/**
 * What adapters do with a response: fields, and what becomes of a charge.
 *
 * @module
 */

import { type AnyEngine, isPromise } from '../engine/any-engine.ts';
import type { Decision } from '../limiter/decision.ts';
import type { PolicyDocument } from '../policy/document.ts';
import type { Closable } from './closing.ts';
import type { AdapterOptions } from './options.ts';

/** What is used of a response of Node. */
export interface Outgoing extends Closable {
  /** Status of the response. */
  statusCode: number;
  /** Whether the response has begun. */
  readonly headersSent: boolean;
  /** Whether a field has been set. */
  hasHeader(name: string): boolean;
  /** Sets a field. */
  setHeader(name: string, value: string): unknown;
  /** Adds to a field. */
  appendHeader(name: string, value: string): unknown;
  /** Sends the body. */
  end(body?: string): unknown;
}

/** Gives the charge of a response back if it does not count; a promise, never rejected, if that takes a while. */
export function recount<P extends PolicyDocument, Request, Response>(
  engine: AnyEngine<P>,
  admission: Decision,
  { countWhen, onError }: AdapterOptions<P, Request, Response>,
  request: Request,
  response: Response,
): Promise<void> | undefined {
  try {
    if (countWhen?.(response) !== false) return undefined;
    const refunded = engine.refund(admission);
    if (isPromise(refunded)) return refunded.catch((error: unknown) => onError?.(error, request));
  } catch (error) {
    onError?.(error, request);
  }
  return undefined;
}

/** Sets fields, and appends to those of another limiter. */
export function setFields(response: Outgoing, fields: Readonly<Record<string, string>>): void {
  // Over names alone: to make pairs of them takes longer than to set them.
  for (const name in fields) {
    const value = fields[name] ?? '';
    if (response.hasHeader(name) && isAppended(name)) response.appendHeader(name, value);
    else response.setHeader(name, value);
  }
}

/** What a field is to hold that holds `other`, if anything: limiters append to each other's fields, HTTP joins by commas. */
export function joined(name: string, value: string, other: unknown): string {
  return other === undefined || !isAppended(name) ? value : `${other}, ${value}`;
}

/** Whether a field lists what limiters say, one after the other: what is there already came from another limiter. */
export function isAppended(name: string): boolean {
  return /ratelimit/i.test(name);
}
