/** The memory store behind the Fastify plugin has no types of its own. */
declare module '@fastify/rate-limit/store/LocalStore.js' {
  export default class LocalStore {
    constructor(continueExceeding: boolean, exponentialBackoff: boolean, cache?: number);
    incr(
      key: string,
      callback: (error: Error | null, state: { current: number; ttl: number }) => void,
      timeWindow: number,
      max: number,
    ): void;
    read(
      key: string,
      callback: (error: Error | null, state: { current: number; ttl: number }) => void,
      timeWindow: number,
    ): void;
  }
}
