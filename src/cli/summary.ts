import { whole } from './io.ts';
import type { Outcome } from './replay.ts';
import { table } from './table.ts';

/** The outcome of a simulation as one line of JSON. Its fields are documented and settled. */
export function jsonSummary(outcome: Outcome, unparsed: number): string {
  const { requests, allowed, denied, groups, limits, keys, span } = outcome;
  const summary = {
    requests,
    allowed,
    denied,
    unparsed,
    groups: Object.fromEntries(groups),
    limits: Object.fromEntries([...limits].map(([name, times]) => [name, { denied: times }])),
    keys,
    span: {
      from: span === undefined ? null : new Date(span.from).toISOString(),
      to: span === undefined ? null : new Date(span.to).toISOString(),
    },
  };
  return `${JSON.stringify(summary)}\n`;
}

/** The same for people, at most 100 columns wide: names have at most 64 characters. */
export function textSummary(outcome: Outcome, unparsed: number): string {
  const { requests, allowed, denied, groups, limits, keys, span } = outcome;
  const totals = [
    ['requests', whole(requests), ''],
    ['allowed', whole(allowed), share(allowed, requests)],
    ['denied', whole(denied), share(denied, requests)],
    ['unparsed', whole(unparsed), ''],
    ['keys', whole(keys), ''],
  ];
  const byGroup = [...groups].map(([name, tally]) => [
    name,
    whole(tally.allowed),
    whole(tally.denied),
    share(tally.denied, tally.allowed + tally.denied),
  ]);
  const byLimit = [...limits].map(([name, times]) => [name, whole(times), share(times, requests)]);
  const parts = [
    table(totals),
    span === undefined ? '' : `from ${time(span.from)} to ${time(span.to)}\n`,
    table([['group', 'allowed', 'denied', ''], ...byGroup]),
    table([['limit', 'denied', ''], ...byLimit]),
  ];
  return parts.filter((part) => part !== '').join('\n');
}

function share(part: number, all: number): string {
  return all === 0 ? '' : `${((100 * part) / all).toFixed(1)} %`;
}

function time(at: number): string {
  return new Date(at).toISOString();
}
