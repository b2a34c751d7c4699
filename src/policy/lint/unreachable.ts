import { show } from '../../errors.ts';
import type { Finding } from './finding.ts';
import type { ListedPattern, Routes } from './routes.ts';

/** How many patterns a message names. */
const MOST_NAMED = 3;

/** Patterns, and methods of patterns, that no request can reach: more specific ones win all of them. */
export function* unreachablePatterns(routes: Routes): Generator<Finding> {
  for (const listed of routes.listed) {
    const { pattern, path } = listed;
    const taken = pattern.methods.flatMap((method) => {
      const thieves = routes.thieves(listed, method);
      return thieves === undefined ? [] : [{ method, thieves }];
    });
    if (taken.length === 0) continue;
    const thieves = named([...new Set(taken.flatMap((each) => each.thieves))]);
    if (taken.length === pattern.methods.length) {
      yield {
        code: 'unreachable-pattern',
        path,
        message: `No request reaches ${show(pattern.text)}: whatever fits it is won by ${thieves}.`,
        remedy:
          'Drop it, or write it more specifically: segment by segment from the left, a literal wins over :name, :name over *, and * over **.',
      };
      continue;
    }
    const methods = taken.map(({ method }) => method).join(' and ');
    yield {
      code: 'unreachable-method',
      path,
      message: `No ${methods} request reaches ${show(pattern.text)}: whatever fits it is won by ${thieves}.`,
      remedy: `Drop ${methods} from the pattern, or from the one that wins.`,
    };
  }
}

function named(listed: readonly ListedPattern[]): string {
  const texts = listed
    .slice(0, MOST_NAMED)
    .map(({ pattern, group }) => `${show(pattern.text)} of group ${show(group)}`);
  const more = listed.length - texts.length;
  if (more > 0) texts.push(`${more} more`);
  return texts.join(', ').replace(/, ([^,]*)$/, ' and $1');
}
