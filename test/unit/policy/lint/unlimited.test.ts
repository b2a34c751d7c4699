import { describe, expect, it } from 'vitest';
import { found, itFinds, limitOf, policyOf } from '../../../fixtures/lint-rows.ts';

const groupsWith = (group: object, parts: object = {}): object =>
  policyOf({ limits: { reads: limitOf() }, groups: { read: { limits: ['reads'] }, hook: group }, ...parts });

describe('unlimited-group', () => {
  itFinds('unlimited-group', [
    [
      'a denial for what always passes',
      groupsWith({ limits: [], denial: { status: 503 } }),
      'groups.hook.limits',
      /^Group "hook" has no limits, which lets all its requests pass, and yet a denial for/,
      groupsWith({ limits: ['reads'], denial: { status: 503 } }),
    ],
    [
      'a queue and a denial',
      groupsWith({ limits: [], queue: { size: 10 }, denial: { status: 503 } }),
      'groups.hook.limits',
      /yet a queue and a denial for/,
      groupsWith({ limits: [] }),
    ],
  ]);
});

describe('unmatched-allowed', () => {
  itFinds('unmatched-allowed', [
    [
      'a verdict that allows',
      groupsWith({ limits: [] }, { unmatched: 'allow' }),
      'unmatched',
      /^A request that no pattern matches passes\./,
      groupsWith({ limits: [] }),
    ],
    [
      'a group without limits',
      groupsWith({ limits: [] }, { unmatched: 'hook' }),
      'unmatched',
      /goes to group "hook", which has no limits/,
      groupsWith({ limits: [] }, { unmatched: 'read' }),
    ],
    [
      'a catch-all without limits',
      groupsWith({ match: ['GET /ping', '* /**'], limits: [] }),
      'groups.hook.match.1',
      /^Whatever no other pattern matches goes to group "hook"/,
      groupsWith({ match: ['GET /ping', 'GET /**', '* /hooks/**'], limits: [] }),
    ],
  ]);

  it('should not take a catch-all with limits for one without', () => {
    expect(found(groupsWith({ match: ['* /**'], limits: ['reads'] }))).toEqual([]);
  });
});
