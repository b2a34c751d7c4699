import type { Field, LineReader, LogSink } from './log-sink.ts';

/**
 * `address ident user [time] "request" status bytes`, then, in the combined format, `"referrer" "agent"`; a quote in a
 * quoted field is written `\"`. The last quote may be missing: servers cut long lines off. What follows is left unread.
 * User names with spaces are read where `ident` is `-`, as it nearly always is; otherwise a line that begins with
 * the virtual host would pass its client's address off as `ident`.
 */
const LINE =
  /^(?<address>\S+) (?:- (?<user>.+?)|\S+ (?<identified>\S+)) \[(?<time>[^[\]]{1,64})\] "(?<request>[^"\\]*(?:\\.[^"\\]*)*)" (?<status>\d{3}|-) (?<bytes>\d+|-)(?: "(?<referrer>[^"\\]*(?:\\.[^"\\]*)*)(?:" "(?<agent>[^"\\]*(?:\\.[^"\\]*)*))?| |$)/;

/** `GET /path HTTP/1.1`; without the protocol in HTTP/0.9. */
const REQUEST = /^(?<method>[\w!#$%&'*+.^`|~-]+) (?<path>\S.*?)(?: (?<protocol>HTTP\/[\d.]+))?$/;

/** Columns of the combined format; the common format ends before `referrer`. */
const COMBINED_COLUMNS = [
  'address',
  'user',
  'time',
  'request',
  'method',
  'path',
  'protocol',
  'status',
  'bytes',
  'referrer',
  'agent',
] as const;

/** Reads lines as Apache and nginx write them. A request that is no request has neither method nor path. */
export function combined(sink: LogSink): LineReader {
  sink.columns(COMBINED_COLUMNS);
  return (text, number) => {
    const line = LINE.exec(text)?.groups;
    if (line === undefined) sink.unreadable(number, 'not a line of the combined or the common log format');
    else sink.line(number, fieldOf(line));
  };
}

function fieldOf(line: Record<string, string | undefined>): Field {
  const { request = '', identified } = line;
  const parts = REQUEST.exec(request)?.groups;
  return (column) => {
    const text = line[column] ?? parts?.[column] ?? (column === 'user' ? identified : undefined);
    if (text !== '-') return text;
    // Apache writes `-` for a response without a body.
    return column === 'bytes' ? '0' : undefined;
  };
}
