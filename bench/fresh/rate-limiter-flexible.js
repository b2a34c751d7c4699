import flexible from 'rate-limiter-flexible';

const limiter = new flexible.RateLimiterMemory({ points: 600, duration: 60 });
await limiter.consume('key_42');
