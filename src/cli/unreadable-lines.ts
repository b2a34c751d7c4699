import { count, whole } from './io.ts';

/** How many lines are named. */
const NAMED = 5;

/** Lines that could not be read, the first few of them named. */
export class UnreadableLines {
  readonly #first: { readonly line: number; readonly reason: string }[] = [];
  #count = 0;

  /** How many there are. */
  get count(): number {
    return this.#count;
  }

  /** Lines may come in any order: those with the lowest numbers are named. */
  add(line: number, reason: string): void {
    this.#count += 1;
    this.#first.push({ line, reason });
    this.#first.sort((a, b) => a.line - b.line);
    this.#first.splice(NAMED);
  }

  /** How many lines of `file` are unreadable, and why the first of them are; nothing if there are none. */
  report(file: string): string[] {
    if (this.#count === 0) return [];
    const lines = this.#first.map(({ line, reason }) => `  line ${line}: ${reason}`);
    const more = this.#count - this.#first.length;
    if (more > 0) lines.push(`  and ${whole(more)} more`);
    return [`${file}: ${count(this.#count, 'line')} could not be read`, ...lines];
  }
}
