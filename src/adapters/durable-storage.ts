/** As much of a Durable Object's storage as is used here. */
export interface DurableStorage {
  /** The value under a key; `undefined` if there is none. */
  get(key: string): Promise<unknown>;
  /** Puts a value under a key. Puts in one turn are written together, or none of them is. */
  put(key: string, value: unknown): Promise<unknown>;
}

/** What is kept of an engine. */
export interface Saved {
  /** What {@link Engine.snapshot} returned. */
  readonly snapshot: Uint8Array;
  /** No lease was granted with a greater fence. */
  readonly fences: number;
}

interface Head {
  readonly parts: number;
  readonly fences: number;
}

/** Below the 128 KiB that a value may have where storage is not SQLite. */
const PART = 100_000;
const KEY = 'headgate';

/** Writes all of it in one turn, so that never half of it is kept. */
export function save(storage: DurableStorage, { snapshot, fences }: Saved): Promise<unknown> {
  const parts = Math.ceil(snapshot.length / PART);
  const head: Head = { parts, fences };
  const puts = [storage.put(KEY, head)];
  for (let i = 0; i < parts; i++)
    puts.push(storage.put(`${KEY}:${i}`, snapshot.slice(i * PART, (i + 1) * PART)));
  return Promise.all(puts);
}

/** What was saved last; `undefined` if nothing was. */
export async function load(storage: DurableStorage): Promise<Saved | undefined> {
  const head = (await storage.get(KEY)) as Head | undefined;
  if (head === undefined) return undefined;
  const keys = Array.from({ length: head.parts }, (_, i) => `${KEY}:${i}`);
  const parts = (await Promise.all(keys.map((key) => storage.get(key)))) as Uint8Array[];
  const snapshot = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    snapshot.set(part, at);
    at += part.length;
  }
  return { snapshot, fences: head.fences };
}
