import type { DurableEngine } from 'headgate/durable-object';
import type { policy } from './worker.js';

type Methods = DurableEngine<typeof policy>;

/** The object as its Worker sees it: every answer is a promise. */
export type Rpc = {
  readonly [M in keyof Methods]: (
    ...args: Parameters<Methods[M]>
  ) => Promise<Awaited<ReturnType<Methods[M]>>>;
};
