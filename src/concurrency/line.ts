import type { Reason } from '../limiter/decision.ts';
import type { Inquiry } from '../limiter/inquiry.ts';
import type { Question } from '../limiter/question.ts';
import { joinKey } from '../partition/key.ts';
import type { Millis } from '../time.ts';
import type { Ringing } from './alarm.ts';
import type { Hold } from './leases.ts';
import { type Need, PermitQuestion } from './permit-question.ts';
import { Place, type QueueOrder, WaitQueue } from './wait-queue.ts';

/** How waiting goes on in a group or a semaphore. */
export interface QueuePlan {
  /** Waiters it takes at most. */
  readonly size: number;
  /** How long one waits at most; `Infinity`: until it is one's turn. */
  readonly timeout: Millis;
  readonly order: QueueOrder;
  /** `poll`: every waiter looks for itself, under a timer of its own. */
  readonly strategy: 'notify' | 'poll';
}

/** Where the requests of a group come in: what they are asked, and the lines in which they wait. Made once. */
export class Entrance {
  readonly inquiry: Inquiry;
  /** Where a request may wait; `undefined`: nowhere. */
  readonly queue: QueuePlan | undefined;
  /** Why every request is denied, whatever the limits say. */
  readonly denied: Reason | undefined;
  /** The concurrency limits among the questions. */
  readonly permits: readonly PermitQuestion[];
  /** The same among the shadow limits. */
  readonly #shadows: readonly PermitQuestion[];
  /** By the keys of the limits, see {@link Entrance.lineKey}. */
  readonly lines: Map<string, Line> = new Map();
  /** How long permits may be held: the shortest of what the limits say. */
  readonly lease: Millis;
  /** The same of those of shadow limits, as if each were in force in the place of its rival, or beside the others. */
  readonly shadowLease: Millis;

  constructor(inquiry: Inquiry, queue?: QueuePlan, denied?: Reason) {
    this.inquiry = inquiry;
    this.queue = queue;
    this.denied = denied;
    this.permits = permitsAmong(inquiry.questions);
    this.lease = shortest(this.permits);
    this.#shadows = permitsAmong(inquiry.shadows);
    const inForce = this.#shadows.map((question) => {
      const beside = this.permits.filter(({ slot }) => slot.name !== question.slot.rival);
      return shortest([question, ...beside]);
    });
    this.shadowLease = Math.min(...inForce);
  }

  /** Whose line the request that was filled in belongs to. */
  lineKey(): string {
    const { rows } = this.inquiry;
    return rows.length === 1 ? (rows[0]?.key ?? '') : joinKey(rows.map(({ key }) => key ?? ''));
  }

  /** What the request takes of shadow limits that agree. */
  shadowHolds(): Hold | undefined {
    let holds: Hold | undefined;
    for (const question of this.#shadows) if (question.reason === 'ok') holds = question.hold(holds);
    return holds;
  }

  /** The permits that the request takes, if it takes any. */
  holds(): Hold | undefined {
    let holds: Hold | undefined;
    for (const question of this.permits) holds = question.hold(holds);
    return holds;
  }
}

function shortest(permits: readonly PermitQuestion[]): Millis {
  return Math.min(...permits.map(({ lease }) => lease));
}

function permitsAmong(questions: readonly Question[]): PermitQuestion[] {
  return questions.filter((question) => question instanceof PermitQuestion);
}

/** Somebody who waits in a line. */
export abstract class Waiter extends Place implements Ringing {
  /** When to give up; `Infinity`: never. */
  at: Millis;
  index = -1;
  turn = 0;
  /** Where it has taken a place. */
  line: Line | undefined = undefined;
  /** After an attempt that failed: when it is worth another; `undefined` if only a returned permit helps. */
  retryAt: Millis | undefined = undefined;

  constructor(priority: number, ticket: number, deadline: Millis) {
    super(priority, ticket);
    this.at = deadline;
  }

  /** Tries to go ahead; if that works, everything has been taken. */
  abstract attempt(now: Millis): boolean;
  /** Looks for itself, now and then; for lines in which everybody does. */
  abstract poll(): void;
  /** The line has been left after an attempt that worked. */
  abstract onGranted(): void;
  /** Its deadline has come; the place is given up by the room. */
  abstract ring(): void;
  /** The line has been left because the deadline has come. */
  abstract onTimeout(now: Millis): void;
  /** An attempt has thrown, or there is nothing to wait for any more. */
  abstract onFailed(error: unknown): void;
}

/** One queue: a group and the keys of its limits. Rings when its head may be admitted by a rate. */
export class Line implements Ringing {
  at: Millis = 0;
  index = -1;
  turn = 0;
  readonly entrance: Entrance;
  readonly key: string;
  readonly queue: WaitQueue<Waiter>;
  /** Whether every waiter looks for itself; nobody else grants it anything. */
  readonly isPolled: boolean;
  /** Permits that the head may need. */
  readonly needs: readonly Need[];
  readonly #onDue: (line: Line) => void;

  constructor(entrance: Entrance, key: string, { order, strategy, onDue }: LineOptions) {
    this.entrance = entrance;
    this.key = key;
    this.queue = new WaitQueue(order);
    this.isPolled = strategy === 'poll';
    this.needs = entrance.permits.flatMap((question) => question.need() ?? []);
    this.#onDue = onDue;
  }

  ring(): void {
    this.#onDue(this);
  }
}

interface LineOptions {
  readonly order: 'oldest-first' | 'newest-first';
  readonly strategy: 'notify' | 'poll';
  readonly onDue: (line: Line) => void;
}
