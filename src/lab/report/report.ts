/**
 * A comparison as a page of its own.
 *
 * @module
 */

import { checkFields } from '../../errors.ts';
import type { Comparison } from '../compare.ts';
import type { Figures } from '../figures.ts';
import { isOneScale, isOneTime, spans, timeOf, traffic, usage, waits } from './figures.ts';
import { escaped, table } from './markup.ts';
import { STYLE } from './style.ts';
import { summary } from './summary.ts';
import { length, number } from './words.ts';

/** Options of {@link htmlReport}. */
export interface ReportOptions {
  /** Heading of the page; default: the workload's name. */
  readonly title?: string;
  /** The command that made it, to be shown. */
  readonly command?: string;
  /** Documents to be shown as JSON, such as the policies, by their names. */
  readonly documents?: Readonly<Record<string, unknown>>;
}

/**
 * A page of HTML that shows a comparison: traffic over time, usage by quota, the most granted within spans, waits, the
 * keys that were denied most often. It loads nothing, runs nothing, is readable on a telephone and in the dark, and every
 * picture has its figures behind it as a table. The same comparison gives the same page, byte for byte.
 *
 * @throws PolicyError (`unknown-field`)
 */
export function htmlReport(comparison: Comparison, options: ReportOptions = {}): string {
  checkFields(options, ['title', 'command', 'documents']);
  const { workload, oracle, contenders } = comparison;
  const { title = workload.name, command, documents = {} } = options;
  const time = timeOf(comparison);
  const keys = [...new Set(contenders.flatMap(({ timeline }) => timeline.usage.map(({ key }) => key)))];
  const measured =
    oracle === undefined ? '' : `, measured by ${number(oracle.quota)} per ${length(oracle.window)}`;
  const sections = [
    `<h1>${escaped(title)}</h1>
<p class="soft">${escaped(`${workload.description}. ${number(workload.arrivals)} arrival${workload.arrivals === 1 ? '' : 's'}`)}${spanOf(comparison)}${escaped(measured)}.</p>`,
    section('Summary', SUMMARY, summary(contenders)),
    workload.arrivals === 0
      ? ''
      : section(
          'Traffic',
          `Units a second, ${isOneScale(contenders) ? 'to one scale' : 'each to its own scale: they are too far apart for one'}.${isOneTime(contenders) ? '' : ' Some go on for much longer than others: mind the time below each.'}`,
          `${TRAFFIC_LEGEND}<div class="grid">${traffic(contenders, time)}</div>`,
        ),
    ...keys.map((key, n) =>
      section(
        `Usage of ${key}`,
        'How much of its quota the key had in use: within one window, by an exact log of what it was granted, or permits held. Of several limits the one nearest to its quota.',
        `<div class="grid">${usage(contenders, time, key, n)}</div>`,
      ),
    ),
    contenders.some((each) => each.window !== undefined)
      ? section('Overshoot', SPANS, `<div class="wide">${spans(contenders)}</div>`)
      : '',
    contenders.some((each) => each.waits.count > 0)
      ? section('Waits', WAITS, `<div class="wide">${waits(contenders)}</div>`)
      : '',
    contenders.some((each) => each.mostDenied.length > 0)
      ? section('Keys denied most often', '', denied(contenders))
      : '',
    ...Object.entries(documents).map(([name, document]) =>
      section(name, '', `<pre>${escaped(JSON.stringify(document, null, 2))}</pre>`),
    ),
    command === undefined ? '' : section('Made by', '', `<pre>${unbroken(command)}</pre>`),
  ];
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title><style>${STYLE}</style></head>
<body><main>
${sections.filter((each) => each !== '').join('\n')}
</main></body></html>
`;
}

const SUMMARY = `Wrong answers are counted against an exact log of what the contender granted. Window and burst: the most that one key was
granted within one window, and within a sixtieth of it, by the quota. Unused: the share of the quota that was free when somebody was denied.
Fairness: Jain's index of what keys got by what they asked for. State: bytes of the numbers kept for a key; heap, where it was measured: all
bytes that a key takes; ns: nanoseconds that a decision takes. Permits are lost where work goes on after its lease is over.`;

const SPANS =
  'The most that any key was granted within spans from a sixtieth of the window to two windows. Whoever is above the line at a span of one window has overshot the quota.';

const WAITS = 'Requests that were not admitted at once but later, by how long that took.';

const TRAFFIC_LEGEND =
  '<ul class="legend"><li><i class="ky"></i>admitted</li><li><i class="kn"></i>denied, further attempts included</li><li><i class="k arrived"></i>arrivals, each once</li></ul>';

function section(title: string, text: string, content: string): string {
  return `<section><h2>${escaped(title)}</h2>${text === '' ? '' : `<p class="soft">${escaped(text)}</p>`}\n${content}</section>`;
}

/** A command whose words begin new lines rather than be broken at their hyphens. */
function unbroken(command: string): string {
  const words = command.split(' ').map((word) => `<span class="word">${escaped(word)}</span>`);
  return words.join(' ');
}

function spanOf({ workload: { from, to, name } }: Comparison): string {
  if (from === undefined || to === undefined) return '';
  if (name !== 'trace') return ` in ${length(to - from)}`;
  const [first, last] = [from, to].map((at) => `<span class="whole">${new Date(at).toISOString()}</span>`);
  return `, ${first} to ${last}`;
}

function denied(contenders: readonly Figures[]): string {
  const tables = contenders
    .filter(({ mostDenied }) => mostDenied.length > 0)
    .map(({ name, mostDenied }) => {
      const rows = mostDenied.map((each) => [
        each.key,
        number(each.denied),
        number(each.asked),
        number(each.admitted),
      ]);
      return `<figure>${table(name, ['key', 'denials', 'asked', 'got'], rows)}</figure>`;
    });
  return `<div class="grid">${tables.join('\n')}</div>`;
}
