import { denialResponse, rateLimitHeaders } from 'headgate';
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

/** Line numbers, with those marked that have something to say, and a list of it. */
export function showNotes(lines: number, notes: readonly Note[]): void {
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
    item.textContent = `line ${line + 1}: ${text}`;
    return item;
  });
  part('notes').replaceChildren(...items);
  write(
    'verdict',
    notes.some(({ kind }) => kind === 'fault') ? 'faulty: the last sound policy goes on' : 'in force',
  );
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
    const size = engine.policy.groups[explanation.group]?.queue?.size;
    showLimits(explanation.limits, engine.stats().waiting, size, world.clock.now());
    write('explained', explanation.text);
    const { decision } = explanation;
    const { headers } = engine.policy;
    const fields = Object.entries(rateLimitHeaders(decision, headers === undefined ? {} : { headers }));
    const lines = fields.map(([name, value]) => `${name}: ${value}`);
    const denial = decision.allowed ? undefined : denialResponse(decision);
    write(
      'headers',
      [
        `HTTP/1.1 ${denial?.status ?? 200}`,
        ...(denial === undefined
          ? lines
          : Object.entries(denial.headers).map(([name, value]) => `${name}: ${value}`)),
        ...(denial === undefined ? [] : ['', denial.body]),
      ].join('\n'),
    );
  } catch (error) {
    part('limits').replaceChildren();
    write('explained', error instanceof Error ? error.message : String(error));
    write('headers', '');
  }
}

type Limits = ReturnType<World['engine']['explain']>['limits'];

/** A bar for each limit of the group, and one for its queue. */
function showLimits(limits: Limits, waiting: number, queue: number | undefined, now: number): void {
  const rows = limits.map(({ name, kind, used, quota, burst = quota, remaining, resetAt, retryAt }) => {
    const back =
      resetAt === undefined || resetAt <= now ? '' : `, all back in ${((resetAt - now) / 1000).toFixed(1)} s`;
    const next =
      retryAt === undefined || retryAt <= now || retryAt === Number.POSITIVE_INFINITY
        ? ''
        : `, next in ${((retryAt - now) / 1000).toFixed(1)} s`;
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
