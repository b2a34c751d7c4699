import { createLimiter, tokenBucket } from '../../dist/index.js';

const limiter = createLimiter(tokenBucket({ quota: 600, window: '1m', burst: 50 }));
if (!limiter.check('key_42').allowed) process.exitCode = 1;
