/** Every adapter does what the contract says. */

import { describeAdapter } from '../contract/adapter.ts';
import { FUNCTIONS, HOSTS } from '../fixtures/adapter-hosts.ts';

for (const [name, start] of Object.entries(HOSTS)) describeAdapter(name, start);
// A function is not told that its client has gone, and sends nothing before it has everything.
for (const [name, start] of Object.entries(FUNCTIONS)) describeAdapter(name, start, { isStreaming: false });
