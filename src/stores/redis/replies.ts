import type { Millis } from '../../time.ts';
import type { StoredRow, StoreReply, StoreRequest } from '../store.ts';
import { cellsOf } from './encode.ts';

const ZERO = 48;
const SPACE = 32;
const SEMICOLON = 59;

/**
 * Reads what the script for decisions has replied, request by request: without a list of its parts, as there are many of
 * them.
 */
export class Replies {
  readonly #text: string;
  #at = 0;
  /** Where the latest number ended. */
  #end = SPACE;
  #isSound = true;
  /** The server's time, in microseconds. */
  readonly #present: number;

  /** @param text - anything else than a reply is told when it is read */
  constructor(text: unknown) {
    this.#text = typeof text === 'string' ? text : '';
    const seconds = this.#number();
    this.#present = seconds * 1_000_000 + this.#number();
  }

  /** Leaves out the replies to so many requests. */
  skip(requests: number): void {
    for (let i = 0; i < requests; i++) this.#at = this.#text.indexOf(';', this.#at) + 1;
  }

  /**
   * @param hasEnd - whether it tells of leases and tickets
   * @returns `undefined` if it is no reply
   */
  next({ rows, now: given }: StoreRequest, hasEnd: boolean): StoreReply | undefined {
    const status = this.#number();
    const agreed = status > 0;
    const resets = this.#number();
    const stored: { born: number; blockedUntil: Millis; cells: number[]; held: number[] }[] = [];
    for (const { limits } of rows) {
      const born = this.#number();
      const row = {
        born: born === 0 && agreed ? this.#present : born,
        blockedUntil: this.#number(),
        cells: [] as number[],
        held: [] as number[],
      };
      for (const { plan } of limits) {
        for (let i = cellsOf(plan.algorithm.kind).length; i > 0; i--) row.cells.push(this.#number());
      }
      stored.push(row);
    }
    if (!hasEnd) return this.#reply(agreed, given, stored, resets);
    rows.forEach(({ permits }, i) => {
      for (const _ of permits) stored[i]?.held.push(this.#number());
    });
    const [fence, expiresAt, mustWait] = [this.#number(), this.#number(), this.#number()];
    const ticket = this.#rest();
    return this.#reply(agreed, given, stored, resets, {
      ...{ isHeld: status === 2, fence, expiresAt, mustWait: mustWait === 1 },
      ticket: ticket === '-' ? undefined : ticket,
    });
  }

  #reply(
    agreed: boolean,
    given: Millis | undefined,
    rows: readonly StoredRow[],
    resets: number,
    end: Pick<StoreReply, 'isHeld' | 'fence' | 'expiresAt' | 'mustWait' | 'ticket'> = NO_END,
  ): StoreReply | undefined {
    if (!this.#isSound || this.#end === SPACE) return undefined;
    const { isHeld, fence, expiresAt, mustWait, ticket } = end;
    const now = given ?? Math.floor(this.#present / 1000);
    return { agreed, now, rows, resets, isHeld, fence, expiresAt, mustWait, ticket };
  }

  /** Digits, and what comes behind them. */
  #number(): number {
    const text = this.#text;
    let at = this.#at;
    let value = 0;
    let code = text.charCodeAt(at);
    if (!(code >= ZERO && code < ZERO + 10)) this.#isSound = false;
    while (code >= ZERO && code < ZERO + 10) {
      value = value * 10 + code - ZERO;
      code = text.charCodeAt(++at);
    }
    this.#at = at + 1;
    this.#end = code;
    return value;
  }

  #rest(): string {
    const end = this.#text.indexOf(';', this.#at);
    const rest = end < 0 ? this.#text.slice(this.#at) : this.#text.slice(this.#at, end);
    this.#at += rest.length + 1;
    this.#end = SEMICOLON;
    return rest;
  }
}

const NO_END = { isHeld: false, fence: 0, expiresAt: 0, mustWait: false, ticket: undefined };
