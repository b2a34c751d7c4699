import type { LineReader, LogSink } from './log-sink.ts';

/** Reads one JSON object to a line. Columns are its fields that hold text, numbers or booleans. */
export function jsonl(sink: LogSink): LineReader {
  return (text, number) => {
    const object = parseObject(text);
    if (object === undefined) sink.unreadable(number, 'not a JSON object');
    else sink.line(number, (column) => textOf(Object.hasOwn(object, column) ? object[column] : undefined));
  };
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined;
}
