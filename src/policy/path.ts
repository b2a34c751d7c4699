/**
 * The canonical form of a request path: whatever reaches a route under another spelling has to meet its limits too.
 *
 * @module
 */

/** What stands before the path: scheme and authority, or the `*` that Fastify takes for a slash (`*login`). */
const BEFORE_PATH = /^(?:[A-Za-z][A-Za-z\d+.-]*:\/\/[^/\\?#]*|\*)/;

/** Escapes, stray `%`, and runs of characters that may not stand raw. */
const ODD = /%[\dA-Fa-f]{2}|%|[^\w!$&'()*+,;=:@~./%-]+/g;

/** What `encodeURIComponent` leaves alone; the common routers undo escapes of at least these. */
const UNRESERVED = /[\w.!~*'()-]/;

/** A surrogate without its partner. */
const LONE_SURROGATE = /\p{Surrogate}/gu;

/**
 * The segments of a request path in canonical form: paths that a common router takes for one another have the same.
 *
 * - Scheme, authority, query, fragment, empty segments, dot segments (also escaped ones) and the trailing slash go.
 *   `..` removes what stands before it, be it an empty segment, as URL parsers have it; at the root it does nothing.
 * - Escapes of letters, digits and `-_.!~*'()` are undone. All others stay inside their segment, in upper case, so
 *   `%2f`, `%5c` and `%00` never separate or end anything. A `%` that begins no escape is written `%25`.
 * - Controls, space, non-ASCII and `"<>[]\^{|}` and the backtick are escaped as UTF-8; a lone surrogate is U+FFFD.
 *
 * Case and `;params` are kept. Applied to its own result it changes nothing. Express and Fastify take dot segments for
 * ordinary ones; here they are resolved, as Hono and all URL parsers do.
 *
 * @param path - a request target: a path, with or without a query, or an absolute URL. Any string is fine; time and
 * memory are linear in its length.
 * @returns no segments for the root
 */
export function canonicalSegments(path: string): string[] {
  return plainSegments(path) ?? respelledSegments(path);
}

/** {@link canonicalSegments} as one path, such as `/v1/calls`; the root is `/`. */
export function canonicalPath(path: string): string {
  return `/${canonicalSegments(path).join('/')}`;
}

/** By character code: 1 for those that may stand raw. */
const PLAIN = Uint8Array.from({ length: 128 }, (_, code) =>
  String.fromCharCode(code).search(ODD) === -1 ? 1 : 0,
);

const SLASH = 0x2f;
const DOT = 0x2e;

/**
 * The segments of a path in which there is nothing to respell and no segment begins with a dot; `undefined` for others.
 * Nearly all paths are like that, and this takes a quarter of the time of {@link respelledSegments}.
 */
function plainSegments(path: string): string[] | undefined {
  if (path.charCodeAt(0) !== SLASH) return undefined;
  const query = path.indexOf('?');
  const end = query === -1 ? path.length : query;
  const segments: string[] = [];
  let start = 1;
  for (let i = 1; i < end; i++) {
    const code = path.charCodeAt(i);
    if (code === SLASH) {
      if (i > start) segments.push(path.slice(start, i));
      start = i + 1;
    } else if (PLAIN[code] !== 1 || (code === DOT && i === start)) {
      return undefined;
    }
  }
  if (start < end) segments.push(path.slice(start, end));
  return segments;
}

function respelledSegments(path: string): string[] {
  const segments: string[] = [];
  for (const segment of pathOf(path).replace(ODD, respell).split('/')) {
    if (segment === '..') segments.pop();
    else if (segment !== '.') segments.push(segment);
  }
  return segments.filter((segment) => segment !== '');
}

/** The path of a request target, without what comes before and after it. */
function pathOf(target: string): string {
  const start = target.startsWith('/') ? 0 : (BEFORE_PATH.exec(target)?.[0].length ?? 0);
  const end = target.search(/[?#]/);
  const path = end === -1 ? target.slice(start) : target.slice(start, end);
  // Express hands such targets to a URL parser, which takes a backslash for a slash: `/login\#` is its `/login`.
  return start > 0 || target.includes('#') ? path.replaceAll('\\', '/') : path;
}

function respell(odd: string): string {
  const isEscape = odd.startsWith('%') && odd !== '%';
  if (!isEscape) return encodeURIComponent(odd.replace(LONE_SURROGATE, '\uFFFD'));
  const char = String.fromCharCode(Number.parseInt(odd.slice(1), 16));
  return UNRESERVED.test(char) ? char : odd.toUpperCase();
}
