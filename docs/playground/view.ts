import { type Decision, denialResponse, type PolicyDocument, rateLimitHeaders } from 'headgate';
import type { Note } from './positions.ts';
import { SECONDS, type World } from './world.ts';

/** The element with this id, which the page has. */
export function part<T extends HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no ${id}`);
  return found as T;
}

/** Writes text into an element, if it is not there already: what nobody changed can be selected and copied. */
function write(id: string, text: string): void {
  const element = part(id);
  if (element.textContent !== text) element.textContent = text;
}

/** Line numbers, with those marked that have something to say, and a list of it; `more`: how many are not in it. */
export function showNotes(lines: number, unsorted: readonly Note[], more: number, isRunning: boolean): void {
  const notes = unsorted.toSorted((a, b) => a.line - b.line);
  const gutter = Array.from({ length: lines }, (_, line) => {
    const kinds = notes.filter((note) => note.line === line).map(({ kind }) => kind);
    const number = document.createElement('span');
    number.textContent = String(line + 1);
    number.className = kinds.includes('fault') ? 'fault' : (kinds[0] ?? '');
    number.title = notes
      .filter((note) => note.line === line)
      .map(({ text }) => text)
      .join('\n');
    return number;
  });
  part('gutter').replaceChildren(...gutter);
  const items = notes.map(({ line, text, kind }) => {
    const item = document.createElement('li');
    item.className = kind;
    const button = item.appendChild(document.createElement('button'));
    button.type = 'button';
    button.textContent = `line ${line + 1}: ${text}`;
    button.addEventListener('click', () =>
      part('gutter').children[line]?.scrollIntoView({ block: 'center' }),
    );
    return item;
  });
  if (more > 0) {
    const rest = document.createElement('li');
    rest.textContent = `and ${more} more`;
    items.push(rest);
  }
  part('notes').replaceChildren(...items);
  const faulty = isRunning ? 'faulty: the last sound policy goes on' : 'faulty: nothing runs yet';
  write('verdict', notes.some(({ kind }) => kind === 'fault') ? faulty : 'in force');
}

/** What the policy does, now. */
export function showWorld(world: World, key: string): void {
  write('age', `${world.age.toFixed(0)} s`);
  write('admitted', String(world.admitted));
  write('denied', String(world.denied));
  showPast(world);
  const descriptor = world.descriptor(key);
  const { engine } = world;
  try {
    const explanation = engine.explain(descriptor);
    const { decision, group, limits, text } = explanation;
    const queue = engine.policy.groups[group]?.queue;
    const waiting = world.waiting(key);
    showLimits(limits, waiting, queue?.size, world.clock.now());
    const mayWait = queue !== undefined && (decision.reason === 'quota' || decision.reason === 'concurrency');
    write('explained', mayWait ? `${text}\n${waitingText(waiting, queue.size)}` : text);
    const refusal = waiting < (queue?.size ?? 0) ? 'queue-timeout' : 'queue-full';
    write(
      'headers',
      mayWait ? whenRefused(decision, refusal, engine.policy) : responseText(decision, engine.policy),
    );
  } catch (error) {
    part('limits').replaceChildren();
    write('explained', error instanceof Error ? error.message : String(error));
    write('headers', '');
  }
}

function waitingText(waiting: number, size: number): string {
  return waiting < size
    ? `it waits: the group has a queue, in which ${waiting} of at most ${size} wait before it`
    : `denied (queue-full): the group has a queue, in which ${waiting} wait already`;
}

/** What is sent to whoever does not get as far as to be admitted from a queue. */
function whenRefused(
  decision: Decision,
  reason: 'queue-full' | 'queue-timeout',
  policy: PolicyDocument,
): string {
  const refused = responseText({ ...decision, limits: decision.limits, reason }, policy);
  return reason === 'queue-full'
    ? refused
    : `Nothing, until its turn comes. If it waits too long:\n\n${refused}`;
}

/** The response by the policy's own fields and denials, as text. */
function responseText(decision: Decision, policy: PolicyDocument): string {
  const { status, headers, body } = decision.allowed
    ? { status: 200, headers: rateLimitHeaders(decision, policy), body: undefined }
    : denialResponse(decision, policy);
  const fields = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  return [`HTTP/1.1 ${status}`, ...fields, ...(body === undefined ? [] : ['', body])].join('\n');
}

type Limits = ReturnType<World['engine']['explain']>['limits'];

/** A bar for each limit of the group, and one for its queue. */
function showLimits(limits: Limits, waiting: number, queue: number | undefined, now: number): void {
  const rows = limits.map(({ name, kind, used, quota, burst = quota, remaining, resetAt, retryAt }) => {
    const back = resetAt === undefined || resetAt <= now ? '' : `, all back in ${lengthOf(resetAt - now)}`;
    const next =
      retryAt === undefined || retryAt <= now || retryAt === Number.POSITIVE_INFINITY
        ? ''
        : `, next in ${lengthOf(retryAt - now)}`;
    const what =
      kind === 'concurrency'
        ? 'permits held'
        : kind === 'token-bucket'
          ? 'tokens taken'
          : 'used in the window';
    return {
      name: `${name} (${kind})`,
      text: `${used} of ${burst} ${what}, ${remaining} left${next}${back}`,
      share: burst === 0 ? 1 : used / burst,
    };
  });
  if (queue !== undefined) {
    rows.push({
      name: 'queue',
      text: `${waiting} of ${queue} waiting`,
      share: queue === 0 ? 1 : waiting / queue,
    });
  }
  const list = part('limits');
  while (list.children.length > rows.length) list.lastElementChild?.remove();
  rows.forEach(({ name, text, share }, i) => {
    const row = list.children[i] ?? list.appendChild(rowOf());
    const [title, words, bar] = [...row.children] as [HTMLElement, HTMLElement, HTMLMeterElement];
    title.textContent = name;
    words.textContent = text;
    bar.value = Math.min(1, share);
  });
}

function lengthOf(ms: number): string {
  const [unit, size] = UNITS.find(([, least]) => ms >= 2 * least) ?? (['s', 1000] as const);
  return `${(ms / size).toFixed(1)} ${unit}`;
}

const UNITS = [
  ['days', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
] as const;

function rowOf(): HTMLElement {
  const row = document.createElement('li');
  const bar = document.createElement('meter');
  bar.high = 0.999;
  bar.setAttribute('aria-label', 'share in use');
  row.append(document.createElement('b'), document.createElement('span'), bar);
  return row;
}

/** The last minute, a bar for each second. */
function showPast({ past, clock }: World): void {
  const now = Math.floor(clock.now() / 1000);
  const seconds = Array.from(
    { length: SECONDS },
    (_, i) => past.get(now - SECONDS + 1 + i) ?? { admitted: 0, denied: 0 },
  );
  const most = Math.max(4, ...seconds.map(({ admitted, denied }) => admitted + denied));
  const bars = seconds.map(({ admitted, denied }, i) => {
    const [yes, no] = [(admitted / most) * 100, (denied / most) * 100];
    return `<rect class="yes" x="${i * 6}" y="${100 - yes}" width="5" height="${yes}"/><rect class="no" x="${i * 6}" y="${100 - yes - no}" width="5" height="${no}"/>`;
  });
  const admitted = seconds.reduce((sum, each) => sum + each.admitted, 0);
  const denied = seconds.reduce((sum, each) => sum + each.denied, 0);
  part('past').innerHTML =
    `<title>The last minute</title><desc>${admitted} admitted and ${denied} denied</desc>${bars.join('')}`;
  write('scale', `up to ${most} a second; ${admitted} admitted and ${denied} denied in the last minute`);
}
