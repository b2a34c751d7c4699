import { RateLimiter } from 'limiter';

const limiter = new RateLimiter({ tokensPerInterval: 600, interval: 'minute' });
if (!limiter.tryRemoveTokens(1)) process.exitCode = 1;
