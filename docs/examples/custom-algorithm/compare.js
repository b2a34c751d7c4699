/** Compares the leaky bucket with the built-in algorithms: `node docs/examples/custom-algorithm/compare.js`. */

import { fixedWindow, slidingWindow, tokenBucket } from 'headgate';
import { compare, exactLog, retryStorm, zipf } from 'headgate/lab';
import { leakyBucket } from './leaky-bucket.js';

const rate = /** @type {const} */ ({ quota: 60, window: '1m' });

const algorithms = {
  'exact log': exactLog(rate),
  'fixed window': fixedWindow(rate),
  'sliding window': slidingWindow(rate),
  'token bucket of 10': tokenBucket({ ...rate, burst: 10 }),
  'leaky bucket of 10': leakyBucket({ ...rate, burst: 10 }),
};

for (const workload of [zipf({ rate: 30 }), retryStorm({ clients: 300 })]) {
  const { contenders } = await compare({ algorithms, workload });
  console.log(`${workload.name}: ${workload.description}`);
  for (const { name, admitted, denied, wronglyAdmitted, wronglyDenied, window } of contenders) {
    const most = `${window?.units} in a window`;
    console.log(
      `  ${name.padEnd(18)} ${admitted} yes, ${denied} no, ${wronglyAdmitted} and ${wronglyDenied} wrongly; ${most}`,
    );
  }
}
