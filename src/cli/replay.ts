import type { LoggedRequest } from '../lab/trace/request.ts';
import type { Decision } from '../limiter/decision.ts';
import type { Millis } from '../time.ts';

/** A decision, or why there is none. */
export type Answer = Decision | string;

/** What is asked about each request of a log. */
export interface Side {
  /**
   * Asks, at the request's own instant.
   *
   * @param hear - told of the answer, perhaps not before later requests are asked
   * @returns resolves when all answers have come that are due; `undefined`: they have
   */
  ask(request: LoggedRequest, hear: (answer: Answer) => void): Promise<void> | undefined;
  /** Nobody new comes in: those who wait are answered. */
  finish(): Promise<void>;
}

/** Which requests have been replayed. */
export interface Replayed {
  readonly requests: number;
  /** Instants of the first and the last of them; `undefined` if there was none. */
  readonly span: { readonly from: Millis; readonly to: Millis } | undefined;
}

/**
 * Asks all sides about every request.
 *
 * @param requests - in time order
 * @param take - told what all sides have answered to a request; returns why it counts nowhere, if it does not
 * @param refused - told of each request that counts nowhere
 */
export async function replay<const Sides extends readonly Side[]>(
  requests: readonly LoggedRequest[],
  sides: Sides,
  take: (answers: { readonly [K in keyof Sides]: Answer }) => string | undefined,
  refused: (line: number, reason: string) => void,
): Promise<Replayed> {
  let count = 0;
  let from = Number.POSITIVE_INFINITY;
  let to = Number.NEGATIVE_INFINITY;
  const settle = ({ line, at }: LoggedRequest, answers: readonly Answer[]): void => {
    const reason = take(answers as { readonly [K in keyof Sides]: Answer });
    if (reason !== undefined) {
      refused(line, reason);
      return;
    }
    count += 1;
    from = Math.min(from, at);
    to = Math.max(to, at);
  };
  for (const request of requests) {
    const answers: Answer[] = [];
    let missing = sides.length;
    for (const [i, side] of sides.entries()) {
      const answered = side.ask(request, (answer) => {
        answers[i] = answer;
        missing -= 1;
        if (missing === 0) settle(request, answers);
      });
      if (answered !== undefined) await answered;
    }
  }
  for (const side of sides) await side.finish();
  return { requests: count, span: count === 0 ? undefined : { from, to } };
}
