/** A bare item of a structured field (RFC 9651, section 3.3). What no rate-limit field uses is told apart no further. */
export type BareItem =
  | { readonly kind: 'integer'; readonly value: number }
  | { readonly kind: 'string' | 'token'; readonly value: string }
  | { readonly kind: 'other' };

/** An item with its parameters. */
export interface Item {
  readonly bare: BareItem;
  readonly parameters: ReadonlyMap<string, BareItem>;
}

/** Every kind of bare item. Decimals, byte sequences, booleans, dates and display strings only have to be well formed. */
const BARE =
  /(?<integer>-?\d{1,15}(?![\d.]))|"(?<string>(?:[ !#-[\]-~]|\\["\\])*)"|(?<token>[A-Za-z*][\w!#$%&'*+\-.^`|~:/]*)|-?\d{1,12}\.\d{1,3}(?![\d.])|:[A-Za-z\d+/]*={0,2}:|\?[01]|@-?\d{1,15}(?![\d.])|%"(?:[ !#$&-~]|%[\da-f]{2})*"/y;
const PARAMETER = /; *([a-z*][\w\-.*]*)(=?)/y;
const KEY = /([a-z*][\w\-.*]*)(=?)/y;
/** Between two members, or after the last. */
const SEPARATOR = /[ \t]*(?:,[ \t]*(?!$)|$)/y;

const TRUE: BareItem = { kind: 'other' };

/**
 * A structured list (RFC 9651, section 3.1) of items. Inner lists, which no rate-limit field has, count as malformed.
 *
 * @returns `undefined` if any part of it is malformed: such a field is ignored whole
 */
export function parseList(text: string): Item[] | undefined {
  const cursor = new Cursor(text);
  const items: Item[] = [];
  while (!cursor.isAtEnd) {
    const item = cursor.item();
    if (item === undefined || cursor.take(SEPARATOR) === undefined) return undefined;
    items.push(item);
  }
  return items;
}

/** A structured dictionary (RFC 9651, section 3.2) of items; see {@link parseList}. */
export function parseDictionary(text: string): Map<string, Item> | undefined {
  const cursor = new Cursor(text);
  const members = new Map<string, Item>();
  while (!cursor.isAtEnd) {
    const [, key, equals] = cursor.take(KEY) ?? [];
    const item = equals === '=' ? cursor.item() : cursor.item(TRUE);
    if (!isKey(key) || item === undefined || cursor.take(SEPARATOR) === undefined) return undefined;
    members.delete(key);
    members.set(key, item);
  }
  return members;
}

class Cursor {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    // Spaces around are no part of a field; a tab in front of it is malformed.
    this.#text = text.replace(/^ +| +$/g, '');
  }

  get isAtEnd(): boolean {
    return this.#at === this.#text.length;
  }

  /** Moves behind what `pattern` matches right here. */
  take(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text) ?? undefined;
    if (match !== undefined) this.#at = pattern.lastIndex;
    return match;
  }

  /** An item, or the parameters alone of one that is known. */
  item(bare: BareItem | undefined = this.#bare()): Item | undefined {
    const parameters = new Map<string, BareItem>();
    for (let next = this.take(PARAMETER); next !== undefined; next = this.take(PARAMETER)) {
      const [, key, equals] = next;
      const value = equals === '=' ? this.#bare() : TRUE;
      if (!isKey(key) || value === undefined) return undefined;
      parameters.set(key, value);
    }
    return bare && { bare, parameters };
  }

  #bare(): BareItem | undefined {
    const groups = this.take(BARE)?.groups;
    if (groups === undefined) return undefined;
    const { integer, string, token } = groups;
    // `-0` is the integer 0.
    if (integer !== undefined) return { kind: 'integer', value: Number(integer) + 0 };
    if (string !== undefined) return { kind: 'string', value: string.replace(/\\(.)/g, '$1') };
    return token === undefined ? { kind: 'other' } : { kind: 'token', value: token };
  }
}

/** `\w` also takes capital letters, which keys have none of. */
function isKey(key: string | undefined): key is string {
  return key !== undefined && key === key.toLowerCase();
}
