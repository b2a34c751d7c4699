/** The bench: `npm run bench` in the root, or `npm start -- --only P1 --quick` in this folder after a build of the root. */
import { cpus } from 'node:os';
import { readArguments } from './arguments.ts';
import { BARS } from './bars.ts';
import { CASES } from './cases.ts';
import { asText, tablesOf, verdictTable } from './report/tables.ts';
import { judge } from './report/verdicts.ts';
import { playRounds } from './run/rounds.ts';

const wanted = readArguments(process.argv.slice(2), BARS);
const log = (line: string): void => console.error(line);

const cases = CASES.filter(({ id }) => wanted.isWanted(id));
const extra = wanted.quick ? { warmMs: 150, measureMs: 150 } : {};
const played = await playRounds(cases, { rounds: wanted.rounds, extra, log });

console.log(`${cpus()[0]?.model ?? 'unknown processor'}, Node ${process.version}`);
for (const table of tablesOf(played.cases)) console.log(asText(table));
console.log(asText(verdictTable(judge(BARS, played.cases))));
console.log(`\nchecksum ${played.checksum}`);
if (!played.isSound) process.exitCode = 1;
