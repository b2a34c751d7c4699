import { oneLine, whole } from './io.ts';
import { share, table } from './layout.ts';
import type { WorkFigures } from './replayer.ts';
import type { AffectedKey, Comparison, Shift } from './side-by-side.ts';
import { jsonSpan, textSpan } from './summary.ts';
import { workTables } from './work.ts';

/** How many keys are named. */
const NAMED = 10;

/** What became of permits and queues under both policies. */
export interface WorkOfBoth {
  readonly old: WorkFigures;
  readonly new: WorkFigures;
}

/** What else there is to say. */
interface More {
  /** Lines that could not be read or compared. */
  readonly unparsed: number;
  /** Only where requests hold permits. */
  readonly work?: WorkOfBoth;
}

/** A comparison as JSON has it. Its fields are documented and settled. */
export function jsonComparison(comparison: Comparison, { unparsed, work }: More): object {
  const { requests, moved, denied, groups, limits, keys, span } = comparison;
  return {
    requests,
    unparsed,
    moved,
    denied,
    groups: Object.fromEntries(groups),
    limits: Object.fromEntries(limits),
    ...(work && jsonWork(work)),
    affectedKeys: keys.length,
    keys: keys.slice(0, NAMED),
    span: jsonSpan(span),
  };
}

/** The same for people, at most 100 columns wide. */
export function textComparison(comparison: Comparison, { unparsed, work }: More): string {
  const { requests, moved, denied, groups, limits, keys, span } = comparison;
  const totals = [
    ['requests', whole(requests), ''],
    ['denied before', whole(denied.before), share(denied.before, requests)],
    ['denied after', whole(denied.after), share(denied.after, requests)],
    ['newly denied', whole(denied.newlyDenied), share(denied.newlyDenied, requests)],
    ['newly allowed', whole(denied.newlyAllowed), share(denied.newlyAllowed, requests)],
    ['in another group', whole(moved), share(moved, requests)],
    ['unparsed', whole(unparsed), ''],
  ];
  const parts = [
    table(totals),
    textSpan(span),
    shiftTable('denied by group', groups),
    shiftTable('denied by limit', limits),
    ...(work === undefined ? [] : workTables({ old: work.old, new: work.new })),
    keyTable(keys),
  ];
  return parts.filter((part) => part !== '').join('\n');
}

function jsonWork({ old: was, new: is }: WorkOfBoth): object {
  return {
    reasons: { before: was.reasons, after: is.reasons },
    permits: { before: was.permits, after: is.permits },
    waits: { before: was.waits, after: is.waits },
  };
}

function shiftTable(title: string, shifts: ReadonlyMap<string, Readonly<Shift>>): string {
  if (shifts.size === 0) return '';
  const rows = [...shifts].map(([name, { before, after, newlyDenied, newlyAllowed }]) => [
    name,
    ...[before, after, newlyDenied, newlyAllowed].map(whole),
  ]);
  return table([[title, 'before', 'after', 'newly denied', 'newly allowed'], ...rows]);
}

function keyTable(keys: readonly AffectedKey[]): string {
  if (keys.length === 0) return '';
  const rows = keys
    .slice(0, NAMED)
    .map(({ key, newlyDenied, newlyAllowed }) => [nameOf(key), whole(newlyDenied), whole(newlyAllowed)]);
  const more = keys.length - rows.length;
  return table([
    ['most affected', 'newly denied', 'newly allowed'],
    ...rows,
    ...(more > 0 ? [[`and ${whole(more)} more`]] : []),
  ]);
}

/** `ip=203.0.113.7`, several fields with spaces between. */
function nameOf(key: AffectedKey['key']): string {
  const fields = Object.entries(key).map(([field, value]) => `${field}=${oneLine(value)}`);
  return fields.length === 0 ? '(shared)' : fields.join(' ');
}
