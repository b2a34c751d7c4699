/** The bench: `npm run bench` in the root, or `npm start -- --only P1 --quick` in this folder after a build of the root. */
import { readArguments } from './arguments.ts';
import { BARS } from './bars.ts';
import { CASES } from './cases.ts';
import { writePage } from './report/page.ts';
import { environment, merge, type Results, writeResults } from './report/results.ts';
import { asText, tablesOf, verdictTable } from './report/tables.ts';
import { judge } from './report/verdicts.ts';
import { FRESH_ID, playFresh } from './run/fresh.ts';
import { playRedis, REDIS_IDS } from './run/redis.ts';
import { playRequests, REQUEST_CASES } from './run/requests.ts';
import { type Played, playRounds } from './run/rounds.ts';
import { BUNDLES, playSizes } from './run/sizes.ts';

const args = process.argv.slice(2);
const command = ['npm run bench', ...(args.length === 0 ? [] : ['--', ...args])].join(' ');
const wanted = readArguments(args, BARS);
const log = (line: string): void => console.error(line);
const extra = wanted.quick ? { warmMs: 150, measureMs: 150 } : {};
const options = { rounds: wanted.rounds, extra, log };
const pick = <T extends { readonly id: string }>(all: readonly T[]): T[] =>
  all.filter(({ id }) => wanted.isWanted(id));

const began = performance.now();
const parts: Played[] = [
  await playRounds(pick(CASES), options),
  await playRequests(pick(REQUEST_CASES), options),
  ...(wanted.isWanted(FRESH_ID) ? [playFresh(options, wanted.quick)] : []),
  await playRedis(wanted.isWanted, options, wanted.quick),
  await playSizes(pick(BUNDLES)),
];
const cases = parts.flatMap((part) => part.cases);
const checksum = parts.reduce((sum, part) => (sum + part.checksum) | 0, 0);
const environs = environment();

console.log(`${environs.cpu}, ${environs.cores} cores, Node ${environs.node}`);
for (const table of tablesOf(cases)) console.log(asText(table));
console.log(asText(verdictTable(judge(BARS, cases))));
console.log(`\nchecksum ${checksum}, ${Math.round((performance.now() - began) / 1000)} s`);

if (!wanted.isPartial || wanted.write) {
  const requests = REQUEST_CASES.flatMap(({ id }) => [{ id }, { id: `${id}/busy` }]);
  const fresh = [{ id: FRESH_ID }, { id: `${FRESH_ID}-least` }];
  const redis = REDIS_IDS.map((id) => ({ id }));
  const order = [...CASES, ...requests, ...fresh, ...redis, ...BUNDLES].map(({ id }) => id);
  const published = cases.map((each) => ({ ...each, command }));
  const all = wanted.isPartial ? merge(published, order) : published;
  const results: Results = {
    ...environs,
    checksum,
    bars: judge(BARS, all),
    cases: all,
  };
  writeResults(results);
  writePage(results);
  log('wrote bench/results/latest.json and docs/benchmarks.md');
}
if (parts.some(({ isSound }) => !isSound)) process.exitCode = 1;
