/**
 * The API key of a request, from where clients put keys.
 *
 * @module
 */

import {
  checkGiven,
  checkOptionsObject,
  type Fault,
  PolicyError,
  show,
  suggest,
  unknownFields,
} from '../errors.ts';

/** As much of `Headers` as is used. */
export interface HeaderSource {
  /** A field's value by its name in any case, its values joined by commas; `null` if there is none. */
  get(name: string): string | null;
}

/** As much of a request as a key is read from: one of `fetch`, or one of Node and what is built upon it. */
export interface ApiKeyInput {
  /** Fields of the request: `Headers`, or an object whose names are in lower case. */
  readonly headers: HeaderSource | { readonly [name: string]: unknown };
  /** The request's target or whole address; read for `query` only. */
  readonly url?: string | undefined;
}

/** Options of {@link apiKeyFrom} and {@link apiKeyHashFrom}; a key is looked for in this order, where it is asked for. */
export interface ApiKeyOptions {
  /** Name of a field that holds the key, in any case. Default `x-api-key`, if neither this nor another place is given. */
  readonly header?: string;
  /** Whether to look for `Authorization: Bearer …`. Default `false`. */
  readonly bearer?: boolean;
  /** Name of a query parameter that holds the key. Addresses end up in logs: prefer a field. */
  readonly query?: string;
}

type Headers = ApiKeyInput['headers'];

const BEARER = /^bearer +(\S+) *$/i;
/** A field name (RFC 9110, section 5.6.2). */
const TOKEN = /^[!#$%&'*+.^`|~\w-]+$/;

/**
 * The key that a client sends, as text. It has not been verified: until you have looked it up, whoever sends it may have
 * made it up, and makes up the next one when this one is denied.
 *
 * @returns `undefined` if there is none, if it is empty, or if its field came several times
 * @throws PolicyError naming every faulty option, or a request without headers
 */
export function apiKeyFrom(request: ApiKeyInput, options: ApiKeyOptions = {}): string | undefined {
  checkOptionsObject(options);
  checkOptions(options);
  checkRequest(request);
  const { bearer = false, query } = options;
  const header = options.header ?? (bearer || query !== undefined ? undefined : 'x-api-key');
  const { headers, url } = request;
  const own = header === undefined ? undefined : fieldOf(headers, header)?.trim();
  if (own) return own;
  const carried = bearer ? BEARER.exec(fieldOf(headers, 'authorization') ?? '')?.[1] : undefined;
  if (carried !== undefined) return carried;
  return query === undefined ? undefined : parameterOf(url ?? '', query) || undefined;
}

/**
 * The SHA-256 of {@link apiKeyFrom}, in 64 hexadecimal digits, by WebCrypto: a key of the same budget that tells nobody
 * the secret who reads a snapshot, a log or a shared store.
 *
 * @returns `undefined` where there is no key
 * @throws PolicyError naming every faulty option, as a rejection
 */
export async function apiKeyHashFrom(
  request: ApiKeyInput,
  options: ApiKeyOptions = {},
): Promise<string | undefined> {
  const key = apiKeyFrom(request, options);
  if (key === undefined) return undefined;
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(key));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function checkRequest(request: ApiKeyInput): void {
  const { headers }: Partial<ApiKeyInput> = request ?? {};
  const isRight = typeof headers === 'object' && headers !== null;
  const wanted = 'a request: an object with headers, and a url';
  checkGiven(isRight, 'request', request, wanted);
}

/** Joined by commas, as `Headers` gives a field that came several times, it would be a key that nobody has. */
function fieldOf(headers: Headers, name: string): string | undefined {
  const value: unknown =
    typeof headers.get === 'function'
      ? headers.get(name)
      : (headers as { readonly [name: string]: unknown })[name.toLowerCase()];
  return typeof value === 'string' && !value.includes(',') ? value : undefined;
}

function parameterOf(url: string, name: string): string | undefined {
  const start = url.indexOf('?');
  const [query = ''] = start === -1 ? [] : url.slice(start + 1).split('#', 1);
  const values = new URLSearchParams(query).getAll(name);
  return values.length === 1 ? values[0] : undefined;
}

function checkOptions({ header, bearer, query, ...others }: ApiKeyOptions): void {
  const faults: Fault[] = unknownFields(others, ['header', 'bearer', 'query']);
  if (header !== undefined && !(typeof header === 'string' && TOKEN.test(header))) {
    const message = `${show(header)} is no name of a field${suggest(String(header), ['x-api-key'])}`;
    faults.push({ code: 'bad-value', path: 'header', value: header, message });
  }
  if (bearer !== undefined && typeof bearer !== 'boolean') {
    const message = `bearer is ${show(bearer)}; give true or false`;
    faults.push({ code: 'bad-value', path: 'bearer', value: bearer, message });
  }
  if (query !== undefined && !(typeof query === 'string' && query !== '')) {
    const message = `${show(query)} is no name of a query parameter; give a text`;
    faults.push({ code: 'bad-value', path: 'query', value: query, message });
  }
  const [first, ...rest] = faults;
  if (first !== undefined) throw new PolicyError([first, ...rest]);
}
