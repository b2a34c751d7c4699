import { isHeadgateError, type PolicyDocument, parsePolicy } from 'headgate';
import { lintPolicy } from 'headgate/lint';
import { linesOf, MOST_NOTES, type Note, syntaxFaults } from './positions.ts';
import { fromFragment, type Settings, toFragment } from './share.ts';
import { START } from './start.ts';
import { part, showNotes, showWorld } from './view.ts';
import { WORKLOADS, World } from './world.ts';

/** Whose limits are shown. */
const WATCHED = 'key-0';
/** No step of time is longer than this, however long the page was in the background. In milliseconds. */
const LONGEST_STEP = 100;

const editor = part<HTMLTextAreaElement>('policy');
const fields = {
  workload: part<HTMLSelectElement>('workload'),
  group: part<HTMLSelectElement>('group'),
  speed: part<HTMLSelectElement>('speed'),
  rate: part<HTMLInputElement>('rate'),
  keys: part<HTMLInputElement>('keys'),
  hold: part<HTMLInputElement>('hold'),
};

fields.workload.replaceChildren(...Object.keys(WORKLOADS).map((name) => new Option(name, name)));
let settings: Settings = fromAddress();
let world: World | undefined;
let isRunning = true;
let writing: ReturnType<typeof setTimeout> | undefined;

/** Takes the policy of the editor, if it is sound, and says what is wrong with it. */
function read(): void {
  const text = settings.policy;
  let notes: Note[] = syntaxFaults(text);
  let more = 0;
  if (notes.length === 0) {
    try {
      const policy = parsePolicy(JSON.parse(text));
      const made = new World(policy, withGroup(policy));
      world?.engine.dispose();
      world = made;
      const findings = lintPolicy(policy);
      more = findings.length - MOST_NOTES;
      const line = linesOf(text);
      notes = findings.slice(0, MOST_NOTES).map(({ path, message, remedy }) => ({
        line: line(path),
        text: `${message} ${remedy}`,
        kind: 'finding',
      }));
    } catch (error) {
      if (!isHeadgateError(error, 'PolicyError')) throw error;
      more = error.faults.length - MOST_NOTES;
      const line = linesOf(text);
      notes = error.faults.slice(0, MOST_NOTES).map(({ path, message }) => ({
        line: line(path),
        text: `${path}: ${message}`,
        kind: 'fault',
      }));
    }
  }
  showNotes(text.split('\n').length, notes, more, world !== undefined);
  editor.style.height = `${text.split('\n').length * 20 + 16}px`;
}

/** The settings that the address holds; what the page cannot be set to is as at the start. */
function fromAddress(): Settings {
  const read = fromFragment(location.hash);
  const offers = ({ options }: HTMLSelectElement, value: string | number) =>
    [...options].some((option) => option.value === String(value));
  return {
    ...read,
    workload: offers(fields.workload, read.workload) ? read.workload : START.workload,
    speed: offers(fields.speed, read.speed) ? read.speed : START.speed,
  };
}

/** The settings, with a group that the policy has. */
function withGroup({ groups }: PolicyDocument): Settings {
  const names = Object.keys(groups);
  const [first = ''] = names;
  if (!names.includes(settings.group)) settings.group = first;
  fields.group.replaceChildren(
    ...names.map((name) => new Option(name, name, false, name === settings.group)),
  );
  return settings;
}

/** Writes the settings into the page. */
function show(): void {
  editor.value = settings.policy;
  fields.workload.value = settings.workload;
  fields.speed.value = String(settings.speed);
  fields.rate.value = String(Math.log10(settings.rate));
  fields.keys.value = String(settings.keys);
  fields.hold.value = String(settings.hold);
  tell();
}

function tell(): void {
  part('rate-value').textContent = `${Number(settings.rate.toPrecision(2))} a second`;
  part('keys-value').textContent = String(settings.keys);
  part('hold-value').textContent = `${settings.hold} s`;
  part('share').textContent = 'Copy link';
  // Browsers refuse an address that changes as often as a slider that is dragged.
  clearTimeout(writing);
  writing = setTimeout(writeAddress, 200);
}

function writeAddress(): void {
  clearTimeout(writing);
  history.replaceState(null, '', toFragment(settings));
}

function onControl(): void {
  settings = {
    ...settings,
    workload: fields.workload.value,
    group: fields.group.value,
    speed: Number(fields.speed.value),
    rate: 10 ** Number(fields.rate.value),
    keys: Number(fields.keys.value),
    hold: Number(fields.hold.value),
  };
  world?.change(settings);
  tell();
}

for (const field of Object.values(fields)) field.addEventListener('input', onControl);
editor.addEventListener('input', () => {
  settings = { ...settings, policy: editor.value };
  read();
  tell();
});
part('pause').addEventListener('click', () => {
  isRunning = !isRunning;
  part('pause').textContent = isRunning ? 'Pause' : 'Go on';
});
part('restart').addEventListener('click', read);
part('share').addEventListener('click', () => {
  writeAddress();
  const say = (text: string) => () => {
    part('share').textContent = text;
  };
  const refused = say('Copy the address');
  if (navigator.clipboard === undefined) refused();
  else navigator.clipboard.writeText(location.href).then(say('Copied'), refused);
});
addEventListener('hashchange', () => {
  settings = fromAddress();
  show();
  read();
});

show();
read();

let before = performance.now();
async function frame(now: number): Promise<void> {
  const passed = Math.min(LONGEST_STEP, now - before);
  before = now;
  if (world !== undefined) {
    if (isRunning) await world.advance(Math.round(passed * settings.speed));
    showWorld(world, WATCHED);
  }
  requestAnimationFrame(frame);
}
requestAnimationFrame(frame);
