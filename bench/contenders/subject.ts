/** A contender that has been set up, behind the one question that all of them answer. */

/** Who is asked: `at` is the number of the call, `now` the instant for those who take one. */
export type Ask = (key: string, now: number, at: number) => number;

/** Answers with what is left, or with a negative number: denied. */
export interface SyncSubject {
  readonly kind: 'sync';
  readonly ask: Ask;
}

/**
 * Answers with a promise, which the caller awaits as a user has to. What it brings is read by `left`; a rejection with
 * anything but an Error is a denial.
 */
export interface AsyncSubject {
  readonly kind: 'async';
  readonly ask: (key: string, now: number, at: number) => Promise<unknown>;
  readonly left: (answer: unknown) => number;
}

/** `isWindowless`: it counts and never gives anything back, so it is only asked about its first window. */
export type Subject = (SyncSubject | AsyncSubject) & { readonly isWindowless?: boolean };

export const DENIED = -1;

/**
 * Where an answer goes, as it would go into a response. Without this a compiler that sees the whole loop could decide not
 * to make the answer at all, and nothing like that happens to a user.
 */
export const seen: { answer: unknown } = { answer: undefined };
