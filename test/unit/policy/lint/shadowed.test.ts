import { describe, expect, it } from 'vitest';
import { found, itFinds, limitOf, policyOf } from '../../../fixtures/lint-rows.ts';

/** Group `a` with these patterns and a limit of its own, group `b` with those; both have `reads`. */
function rivals(a: string[], b: string[], { per = 'apiKey', more = {}, lost = 'own' } = {}): object {
  const limits = { reads: limitOf(), own: limitOf({ quota: 100, window: '1h', per }) };
  const groups = {
    a: { match: a, limits: ['reads', 'own'] },
    b: { match: b, limits: lost === 'own' ? ['reads'] : ['reads', 'own'] },
  };
  return policyOf({ limits, groups: { ...groups, ...more } });
}

describe('shadowed-pattern', () => {
  itFinds('shadowed-pattern', [
    [
      'a literal that loses to one further to the left',
      rivals(['GET /v1/*/export'], ['GET /v1/calls/:call']),
      'groups.a.match.0',
      /^"GET \/v1\/calls\/export" fits .* so limit "own" of group "a" does not count them\.$/,
      rivals(['GET /v1/*/export', 'GET /v1/calls/export'], ['GET /v1/calls/:call']),
    ],
    [
      'the same under a rest',
      rivals(['* /:x/b/**'], ['GET /a/**']),
      'groups.a.match.0',
      /^"GET \/a\/b\/\*\*" fits/,
      rivals(['* /:x/b/**'], ['GET /a/b']),
    ],
    [
      'a literal behind a * that loses to a :name',
      rivals(['GET /*/b/**'], ['GET /:x/*']),
      'groups.a.match.0',
      /^"GET \/:x\/b" fits/,
      rivals(['GET /:x/b/**'], ['GET /*/*']),
    ],
    [
      'a winner that is longer than what comes before the rest',
      rivals(['GET /*/b/**'], ['GET /a/:x/c/d']),
      'groups.a.match.0',
      /^"GET \/a\/b\/c\/d" fits/,
      rivals(['GET /*/b/*'], ['GET /a/:x/c/d']),
    ],
    [
      'parameters of one name in the two patterns',
      rivals(['GET /*/:id/b/**'], ['GET /:id/*/:c']),
      'groups.a.match.0',
      /^"GET \/:id\/:id2\/b" fits/,
      rivals(['GET /*/:id/b/**'], ['GET /:id/*']),
    ],
    [
      'a segment that the exception calls by another name than the lost limit',
      rivals(['GET /v1/:b/**'], ['GET /v1/:a'], { per: 'b' }),
      'groups.a.match.0',
      /calls a segment by another name, so limit "own"/,
      rivals(['GET /v1/:b/**'], ['GET /v1/:b'], { per: 'b' }),
    ],
  ]);

  it.each<[string, object]>([
    ['exceptions', rivals(['GET /v1/:a/**'], ['GET /v1/:b', 'GET /v1/x/**', 'GET /v1/:c/d'])],
    ['an exception to a catch-all', rivals(['* /**'], ['POST /v1/keys', 'GET /health'])],
    ['a fixed word beside owners and names', rivals(['GET /:owner/:repo/**'], ['GET /settings/**'])],
    ['other methods', rivals(['POST /v1/*/export'], ['GET /v1/calls/:call'])],
    ['limits that the winner has too', rivals(['GET /*/b'], ['GET /a/:x'], { lost: '' })],
    [
      'what a third group decides',
      rivals(['GET /*/b'], ['GET /a/:x'], { more: { c: { match: ['GET /a/b'], limits: ['reads'] } } }),
    ],
    ['patterns in one group', rivals(['GET /*/b', 'GET /a/:x'], [])],
  ])('should not find %s', (_title, policy) => {
    expect(found(policy)).toEqual([]);
  });

  it('should leave what is unreachable to that finding', () => {
    expect(found(rivals(['GET /*/b'], ['GET /:x/**']))).toEqual(['unreachable-pattern groups.a.match.0']);
  });

  it('should respect the case of literals', () => {
    const policy = rivals(['GET /*/b/c'], ['GET /a/B/:x']);
    expect(found(policy)).toEqual(['shadowed-pattern groups.a.match.0']);
    expect(found({ ...policy, paths: { case: 'sensitive' } })).toEqual([]);
  });
});
