/** As much of Cloudflare's own types as the example uses; in a Worker, `wrangler types` makes all of them. */
declare module 'cloudflare:workers' {
  export abstract class DurableObject<Env = unknown> {
    constructor(ctx: import('headgate/durable-object').DurableState, env: Env);
  }
}
