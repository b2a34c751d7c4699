// What `npm start` runs: the Nixflex service on loopback, driven by a real client until every limit has said no.
// Calls, campaigns and SMS, which would take hours, are played in simulated time. With `--serve` the service stays up
// instead.
import { callRows } from './call-rows.js';
import { createNixflex } from './server.js';

const { server } = createNixflex();
await new Promise((resolve) =>
  server.listen(process.argv.includes('--serve') ? 8080 : 0, '127.0.0.1', () => resolve(0)),
);
const address = server.address();
const origin = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;

const ROWS = [
  { row: 'N1', limit: '600 reads / minute', key: 'nix_reader', method: 'GET', path: '/v1/calls' },
  { row: 'N2', limit: '120 writes / minute', key: 'nix_writer', method: 'POST', path: '/v1/calls' },
  { row: 'N3', limit: '10 new keys / hour', key: 'nix_admin', method: 'POST', path: '/v1/keys' },
];

if (process.argv.includes('--serve')) {
  console.log(`Nixflex listens on ${origin}. Try:\n`);
  for (const { limit, key, method, path } of ROWS) {
    console.log(`  # ${limit}\n  curl -i -X ${method} -H 'Authorization: Bearer ${key}' ${origin}${path}\n`);
  }
  console.log('Stop it with Ctrl+C.');
} else {
  const results = [];
  for (const row of ROWS) results.push({ ...row, ...(await driveUntilDenied(row)) });
  printTable([...results, ...(await callRows())]);
  for (const result of results) printDenial(result);
  server.close();
  server.closeAllConnections();
}

/**
 * Sends requests until one is denied.
 *
 * @param {{ key: string, method: string, path: string }} row
 */
async function driveUntilDenied({ key, method, path }) {
  for (let allowed = 0; allowed < 10_000; allowed++) {
    const response = await fetch(origin + path, { method, headers: { authorization: `Bearer ${key}` } });
    const body = await response.text();
    if (response.status === 429) return { allowed, denied: 1, headers: response.headers, body };
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${body}`);
  }
  throw new Error(`${method} ${path} was never denied`);
}

/** @param {{ row: string, limit: string, allowed: number, denied: number, atOnce?: number, seconds?: number }[]} rows */
function printTable(rows) {
  const line = (/** @type {(string | number)[]} */ [row = '', limit = '', ...figures]) =>
    `${String(row).padEnd(4)} ${String(limit).padEnd(27)}${figures.map((each) => String(each).padStart(9)).join('')}`;
  console.log(line(['row', 'limit', 'allowed', 'denied', 'at once', 'took']));
  console.log(line(['---', '-----', '-------', '------', '-------', '----']));
  for (const { row, limit, allowed, denied, atOnce, seconds } of rows) {
    const took = seconds === undefined ? '' : `${seconds} s *`;
    console.log(line([row, limit, allowed, denied, atOnce ?? '', took]));
  }
  console.log(
    '\n* simulated time, no real call or wait: a call takes 90 s, and a clock is moved from event to event.',
  );
}

/** @param {{ row: string, headers: Headers, body: string }} result */
function printDenial({ row, headers, body }) {
  console.log(`\n${row}, first denial:`);
  for (const [name, value] of headers) {
    if (/^(x-ratelimit|retry-after|cache-control|content-type)/.test(name))
      console.log(`  ${name}: ${value}`);
  }
  console.log(`  ${body}`);
}
