/** `docs/benchmarks.md`, made from the results. */
import { writeFileSync } from 'node:fs';
import type { CaseResult } from '../case.ts';
import { figure, median, ratios } from '../statistics.ts';
import type { Published, Results } from './results.ts';
import { asMarkdown, tablesOf, verdictTable } from './tables.ts';
import type { Verdict } from './verdicts.ts';

const FILE = new URL('../../docs/benchmarks.md', import.meta.url);

export function writePage(results: Results): void {
  writeFileSync(FILE, `${page(results)}\n`);
}

function page(results: Results): string {
  const { node, cpu, cores, bars, cases, versions } = results;
  const tables = tablesOf(cases);
  return [
    '# Benchmarks',
    '<!-- Written by `npm run bench`; change bench/report/page.ts instead. -->',
    `${runs(cases)}. Node ${node}, ${cpu}, ${cores} cores. The figures are of that machine; the ratios travel better. ` +
      'Run it yourself: it takes about 20 minutes, and `npm run bench -- --only P1,P5 --quick` takes seconds.',
    '## Bars',
    counts(bars),
    asMarkdown(verdictTable(bars)),
    '## Where a peer is ahead',
    ahead(cases),
    HOW,
    '## Figures',
    '`x` is what headgate takes divided by what the column takes, taken within a round: below 1, headgate takes less. ' +
      'Where a table has another first column to compare with, it is that one divided by the column. Then the median, and the range over all rounds.',
    ...tables.flatMap((table) => [`### ${table.title}`, asMarkdown(table)]),
    '## Versions',
    Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(', '),
  ].join('\n\n');
}

/** The commands that measured it, the one that measured most of it first. */
function runs(cases: readonly Published[]): string {
  const byCommand = new Map<string, Published[]>();
  for (const each of cases) byCommand.set(each.command, [...(byCommand.get(each.command) ?? []), each]);
  return [...byCommand]
    .sort(([, a], [, b]) => b.length - a.length)
    .map(([command, rows], i) => {
      const dates = rows.map(({ date }) => date.slice(0, 10)).sort();
      const [from = '', to = ''] = [dates[0], dates.at(-1)];
      const share = i === 0 ? '' : `; ${rows.length} of ${cases.length} rows by `;
      return `${share}\`${command}\` on ${from === to ? from : `${from} to ${to}`}`;
    })
    .join('');
}

function counts(bars: readonly Verdict[]): string {
  const of = (verdict: Verdict['verdict']): number => bars.filter((bar) => bar.verdict === verdict).length;
  return (
    `${of('beyond') + of('pass')} of ${bars.length} hold, ${of('beyond')} of them beyond the bar; ${of('FAIL')} fail. ` +
    '"S" are the goals for semaphores.'
  );
}

/** Every comparison that headgate loses by more than a hair, from the figures. */
function ahead(cases: readonly CaseResult[]): string {
  const lost = cases.flatMap(({ reference, table, row, values, unit }) => {
    if (!OURS.has(reference)) return [];
    const isMoreBetter = unit === 'requests/s';
    return Object.keys(values).flatMap((entry) => {
      if (entry.startsWith('headgate') || NO_PEERS.has(entry)) return [];
      const ratio = median(ratios(values[reference] ?? [], values[entry] ?? []));
      const loss = isMoreBetter ? 1 / ratio : ratio;
      return loss > 1.02 ? [{ entry, table, row, ratio }] : [];
    });
  });
  if (lost.length === 0) return 'In none of the comparisons below.';
  const peers = [...new Set(lost.map(({ entry }) => entry))];
  return peers
    .map((peer) => {
      const all = lost.filter(({ entry }) => entry === peer);
      const byTable = [...new Set(all.map(({ table }) => table))].map((table) => {
        const rows = all
          .filter((each) => each.table === table)
          .map(({ row, ratio }) => `${row} x ${figure(ratio)}`);
        return `  - ${table}: ${rows.join('; ')}`;
      });
      return [`- **${peer}**`, ...byTable].join('\n');
    })
    .join('\n');
}

/** Columns that are headgate's, and that others are compared with. */
const OURS = new Set(['headgate', 'policy', 'fixed-window']);

/** Columns that limit nothing, or are headgate again. */
const NO_PEERS = new Set(['map', 'ping', 'constant fields', 'no fields', 'sliding-window', 'token-bucket']);

const HOW = `## How it is measured

- Every contender first shows that it answers rightly: exactly the quota in a window for each key, then denied, and again
  in a later window. Whoever does not is listed as failed and not timed. The timed loops check their answers as well.
- Each contender runs in a process of its own, rounds are interleaved, and ratios are taken within a round. Answers are
  summed up, and the sum is printed, so that nothing can be left out; headgate's decision is kept until the next one.
- Keys are flat strings of twelve characters, made from bytes before the clock starts. Mostly the same string objects come
  again and again, so that their hash is known: the least that a look-up can cost, and the hardest comparison for whatever
  does more than one. One table shows what changes when each request brings a new string.
- \`map\` is the floor: \`Map.get\` and an increment of a counter object. It has no window, no clock and no bound.
- "allowed": the quota is so large that it is never reached. "denied": everyone has used up theirs. Bounded contenders may
  keep every key, except under churn.
- A peer's promise is awaited, as its users have to; where it has a way without, that is what is timed. Stores that only
  count are asked for the count; the comparison with the quota is part of the loop.
- headgate's caller reads \`allowed\` and \`remaining\`; in the policy decision also each limit's result.
- Garbage is collected whenever the engine likes and is part of the time. Pauses are those of an ordinary process; bytes
  per decision are counted while there is room enough that nothing is collected.
- Whole requests: one connection does one request after the other, sixteen at once, the load in another process than the
  server. headgate and its peers are middlewares or plugins of the framework.
- Redis: a server of the bench's own, on the same machine. Every contender has a connection of ioredis, and is asked in slices
  of 0.4 s, one after the other; fixed windows that are never full, 1,000 keys. The scripts of @upstash/ratelimit run with
  their first line left out, whose flag only that service knows. Peers' three limits are asked one after the other and are not
  given back where a later one denies.
- Bundles: esbuild, minified, gzip level 9.

Not measured: stores other than Redis, servers behind a network, several cores, other runtimes than Node, latency of single requests, CPU use at
less than full load. A pacer keeps every execution in its window, so it is only timed with up to 1,000 keys, and its figures
grow with the length of the run.`;
