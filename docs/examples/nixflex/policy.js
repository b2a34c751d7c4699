import { readFileSync } from 'node:fs';
import { parsePolicy } from 'headgate';

/** Nixflex's published limits, `policy.json`. */
export const policy = parsePolicy(JSON.parse(readFileSync(new URL('policy.json', import.meta.url), 'utf8')));
