import { join, show } from '../../errors.ts';
import type { GroupDocument, PolicyDocument } from '../document.ts';
import { parsePattern } from '../pattern.ts';
import type { Finding } from './finding.ts';

/** Traffic that nothing limits: by contradiction, or because nobody named it. */
export function* unlimitedTraffic(document: PolicyDocument): Generator<Finding> {
  for (const [name, group] of Object.entries(document.groups)) {
    if (group.limits.length > 0) continue;
    const path = join('groups', name);
    const moot = (['queue', 'denial'] as const).filter((field) => group[field] !== undefined);
    if (moot.length > 0) {
      yield {
        code: 'unlimited-group',
        path: join(path, 'limits'),
        message: `Group ${show(name)} has no limits, which lets all its requests pass, and yet a ${moot.join(' and a ')} for requests that do not pass.`,
        remedy: `List the limits that it should have, or drop its ${moot.join(' and ')} to say that it has none.`,
      };
    }
    yield* catchAlls(name, group, path);
  }
  const { unmatched } = document;
  const fallback = Object.hasOwn(document.groups, unmatched) ? document.groups[unmatched] : undefined;
  const isFree = fallback === undefined ? unmatched === 'allow' : fallback.limits.length === 0;
  if (!isFree) return;
  const why = fallback === undefined ? 'passes' : `goes to group ${show(unmatched)}, which has no limits`;
  yield {
    code: 'unmatched-allowed',
    path: 'unmatched',
    message: `A request that no pattern matches ${why}. So does every path that is misspelt, new or forgotten, and every spelling of one that no pattern foresees.`,
    remedy: 'Deny it, or name a group that has a limit.',
  };
}

/** Patterns that match every request there is. */
function* catchAlls(name: string, { match = [] }: GroupDocument, path: string): Generator<Finding> {
  for (const [i, text] of match.entries()) {
    const { methods, segments } = parsePattern(text);
    if (!methods.includes('*') || segments[0]?.kind !== 'rest') continue;
    yield {
      code: 'unmatched-allowed',
      path: join(join(path, 'match'), i),
      message: `Whatever no other pattern matches goes to group ${show(name)}, which has no limits. So does every path that is misspelt, new or forgotten.`,
      remedy:
        'Give the group a limit, or replace the pattern with those of the requests that are to go free.',
    };
  }
}
