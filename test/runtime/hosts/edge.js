// For edge-runtime, as one script: the checks answer any request.
import { runChecks } from '../checks.js';
import * as modules from '../entries.js';
import { same, thrownBy } from '../expect.js';

const EDGE_CHECKS = {
  'code from strings is forbidden here, and Node is not there': () => {
    thrownBy(() => new Function('return 1')());
    same([typeof process, typeof Buffer, typeof setImmediate], ['undefined', 'undefined', 'undefined']);
  },
};

addEventListener('fetch', (event) => {
  event.respondWith(runChecks(modules, EDGE_CHECKS).then((results) => Response.json(results)));
});
