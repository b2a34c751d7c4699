// For Node, Bun and Deno: runs the checks and prints their results as one line of JSON.
import * as node from 'headgate/node';
import { NODE_CHECKS } from '../check-node.js';
import { runChecks } from '../checks.js';
import * as modules from '../entries.js';

// The timers of headgate keep no process alive.
const alive = setInterval(() => undefined, 1000);
const results = await runChecks({ ...modules, node }, NODE_CHECKS);
clearInterval(alive);
console.log(JSON.stringify(results));
