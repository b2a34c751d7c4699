// What `npm start` runs: the Nixflex service on loopback, driven by a real client until every limit has said no.
// With `--serve` it stays up instead.
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
  printTable(results);
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

/** @param {{ row: string, limit: string, allowed: number, denied: number }[]} results */
function printTable(results) {
  console.log('row  limit                 allowed  denied');
  console.log('---  --------------------  -------  ------');
  for (const { row, limit, allowed, denied } of results) {
    console.log(
      `${row}   ${limit.padEnd(20)}  ${String(allowed).padStart(7)}  ${String(denied).padStart(6)}`,
    );
  }
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
