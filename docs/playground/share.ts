import { START } from './start.ts';

/** Everything that can be set, as a URL carries it. */
export interface Settings {
  policy: string;
  workload: string;
  group: string;
  /** Requests a second. */
  rate: number;
  keys: number;
  /** Seconds of virtual time that pass in one. */
  speed: number;
  /** How long admitted work holds its permits, in seconds. */
  hold: number;
}

/** The fragment that stands for these settings. */
export function toFragment(settings: Settings): string {
  const bytes = new TextEncoder().encode(JSON.stringify(settings));
  const text = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
  return `#${text.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')}`;
}

/** The settings of a fragment; what it does not say, or says wrongly, is as at the start. */
export function fromFragment(fragment: string): Settings {
  try {
    const text = atob(fragment.slice(1).replaceAll('-', '+').replaceAll('_', '/'));
    const bytes = Uint8Array.from(text, (char) => char.charCodeAt(0));
    const read: unknown = JSON.parse(new TextDecoder().decode(bytes));
    if (typeof read !== 'object' || read === null) return { ...START };
    const sound = Object.entries(read).filter(
      ([name, value]) => typeof value === typeof START[name as keyof Settings],
    );
    return within({ ...START, ...Object.fromEntries(sound) });
  } catch {
    return { ...START };
  }
}

/** What the controls of the page can be set to. */
function within(settings: Settings): Settings {
  const clamp = (value: number, least: number, most: number) => Math.min(most, Math.max(least, value));
  return {
    ...settings,
    rate: clamp(settings.rate, 0.1, 100),
    keys: Math.round(clamp(settings.keys, 1, 20)),
    speed: clamp(settings.speed, 1, 60),
    hold: clamp(settings.hold, 0.5, 30),
  };
}
