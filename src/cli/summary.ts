import { whole } from './io.ts';
import { share, table } from './layout.ts';
import type { Outcome } from './outcome.ts';
import type { Shadows, WorkFigures } from './replayer.ts';
import { workTables } from './work.ts';

/** What else there is to say. */
interface More {
  /** Lines that could not be read. */
  readonly unparsed: number;
  readonly shadows?: Shadows;
  /** Only where requests hold permits. */
  readonly work?: WorkFigures | undefined;
}

/** The outcome of a simulation as one line of JSON. Its fields are documented and settled. */
export function jsonSummary(outcome: Outcome, { unparsed, shadows = {}, work }: More): string {
  const { requests, allowed, denied, groups, limits, keys, span } = outcome;
  const summary = {
    requests,
    allowed,
    denied,
    unparsed,
    groups: Object.fromEntries(groups),
    limits: Object.fromEntries([...limits].map(([name, times]) => [name, { denied: times }])),
    ...(Object.keys(shadows).length === 0 ? {} : { shadows }),
    ...work,
    keys,
    span: jsonSpan(span),
  };
  return `${JSON.stringify(summary)}\n`;
}

/** The same for people, at most 100 columns wide: names have at most 64 characters. */
export function textSummary(outcome: Outcome, { unparsed, shadows = {}, work }: More): string {
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
  const byShadow = Object.entries(shadows).map(([name, { agreed, wouldDeny, wouldAllow }]) => [
    name,
    ...[agreed, wouldDeny, wouldAllow].map(whole),
  ]);
  const parts = [
    table(totals),
    textSpan(span),
    table([['group', 'allowed', 'denied', ''], ...byGroup]),
    table([['limit', 'denied', ''], ...byLimit]),
    byShadow.length === 0 ? '' : table([['shadow', 'agrees', 'would deny', 'would allow'], ...byShadow]),
    ...(work === undefined ? [] : workTables({ policy: work })),
  ];
  return parts.filter((part) => part !== '').join('\n');
}

/** The span as JSON has it. */
export function jsonSpan(span: Outcome['span']): { from: string | null; to: string | null } {
  return span === undefined ? { from: null, to: null } : { from: time(span.from), to: time(span.to) };
}

/** The span as a line; nothing if there is none. */
export function textSpan(span: Outcome['span']): string {
  return span === undefined ? '' : `from ${time(span.from)} to ${time(span.to)}\n`;
}

function time(at: number): string {
  return new Date(at).toISOString();
}
