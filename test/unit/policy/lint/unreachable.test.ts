import { describe } from 'vitest';
import { itFinds, limitOf, policyOf } from '../../../fixtures/lint-rows.ts';

/** A policy with these patterns in groups `a` and `b`, which have the same limit. */
function patterns(a: string[], b: string[], parts: object = {}): object {
  const limits = { reads: limitOf() };
  const groups = { a: { match: a, limits: ['reads'] }, b: { match: b, limits: ['reads'] } };
  return policyOf({ limits, groups, ...parts });
}

describe('unreachable-pattern', () => {
  itFinds('unreachable-pattern', [
    [
      'a * beside a :name',
      patterns(['GET /a/*'], ['GET /a/:x']),
      'groups.a.match.0',
      /^No request reaches "GET \/a\/\*": whatever fits it is won by "GET \/a\/:x" of group "b"\.$/,
      patterns(['GET /a/*'], ['POST /a/:x']),
    ],
    [
      'a pattern in its own group',
      patterns(['GET /a/*', 'GET /a/:x'], []),
      'groups.a.match.0',
      /of group "a"/,
      patterns(['GET /a/*', 'GET /:x/a'], []),
    ],
    [
      'a literal behind a *',
      patterns(['GET /*/b'], ['GET /:x/**']),
      'groups.a.match.0',
      /won by/,
      patterns(['GET /:y/b'], ['GET /:x/**']),
    ],
    [
      'a named method on a less specific path',
      patterns(['GET /*'], ['* /:x']),
      'groups.a.match.0',
      /won by/,
      patterns(['* /*'], ['GET /:x']),
    ],
    [
      'methods taken one by one',
      patterns(['GET|POST /*'], ['GET /:x', 'POST /:y']),
      'groups.a.match.0',
      /won by "GET \/:x" of group "b" and "POST \/:y" of group "b"\.$/,
      patterns(['* /*'], ['GET /:x', 'POST /:y']),
    ],
    [
      'HEAD where a :name has GET',
      patterns(['HEAD /*'], ['GET /:x']),
      'groups.a.match.0',
      /won by/,
      patterns(['HEAD /:y'], ['GET /:x']),
    ],
    [
      'a ** that others take apart by length',
      patterns(['GET /a/**'], ['GET /a', 'GET /a/*', 'GET /a/*/*/**']),
      'groups.a.match.0',
      /won by .* and /,
      patterns(['GET /a/**'], ['GET /a', 'GET /a/*', 'GET /a/*/*/*/**']),
    ],
    [
      'a ** of which the rest is taken, in either case',
      patterns(['GET /A/**'], ['GET /a', 'GET /a/:x/**']),
      'groups.a.match.0',
      /won by/,
      patterns(['GET /A/**'], ['GET /a', 'GET /a/:x/**'], { paths: { case: 'sensitive' } }),
    ],
    [
      'what many patterns win',
      patterns(['GET|POST|PUT|PATCH /*'], ['GET /:x', 'POST /:x', 'PUT /:x', 'PATCH /:x']),
      'groups.a.match.0',
      /"PUT \/:x" of group "b" and 1 more\.$/,
      patterns(['GET|POST|PUT|PATCH /*'], ['GET /:x/y', 'POST /:x/y']),
    ],
  ]);
});

describe('unreachable-method', () => {
  itFinds('unreachable-method', [
    [
      'one method of two',
      patterns(['GET|POST /*'], ['POST /:x']),
      'groups.a.match.0',
      /^No POST request reaches "GET\|POST \/\*": whatever fits it is won by "POST \/:x" of group "b"\.$/,
      patterns(['GET /*'], ['POST /:x']),
    ],
    [
      'two methods of three',
      patterns(['GET|HEAD|PUT /*/a'], ['GET /:x/**']),
      'groups.a.match.0',
      /^No GET and HEAD request/,
      patterns(['GET|HEAD|PUT /*/a'], ['GET /:x/b/**']),
    ],
  ]);
});
