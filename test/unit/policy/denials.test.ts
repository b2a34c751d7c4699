import { describe, it } from 'vitest';
import {
  expectFaults,
  type FaultRow,
  groupsWith,
  limitsWith,
  policyWith,
} from '../../fixtures/policy-documents.ts';

const denying = (denial: unknown) => policyWith({ denial });
const RETRY = { body: { wait: '{retryAfter}' } };

describe('templates', () => {
  it.each<FaultRow>([
    ['be taken where they are empty', denying({}), {}],
    ['be taken with a body of null', denying({ body: null }), {}],
    ['be taken as a problem document', denying({ status: 503, format: 'problem+json' }), {}],
    ['be taken by reason', denying({ quota: { status: 429 }, 'store-failure': { status: 503 } }), {}],
    [
      'find unknown placeholders',
      denying({ body: { a: ['in {retryafter} s'] } }),
      { 'denial.body.a.0': /unknown placeholder "\{retryafter\}"; did you mean "retryAfter"/ },
    ],
    [
      'find them in a group',
      groupsWith({ read: { denial: { quota: { body: '{x}' } } } }),
      { 'groups.read.denial.quota.body': /unknown placeholder "\{x\}"/ },
    ],
    [
      'report a slip that one text repeats once',
      denying({ body: '{x} {x} {x}' }),
      { 'denial.body': /unknown placeholder "\{x\}"/ },
    ],
    [
      'refuse a status that tells of no denial',
      denying({ status: 399 }),
      { 'denial.status': /^399 does not fit; give an HTTP status from 400 to 599$/ },
    ],
    [
      'refuse statuses that are none',
      denying({ quota: { status: 600 }, blocked: { status: 429.5 }, never: { status: '429' } }),
      {
        'denial.quota.status': /400 to 599/,
        'denial.blocked.status': /400 to 599/,
        'denial.never.status': /400 to 599/,
      },
    ],
    [
      'refuse a body beside a problem document',
      denying({ body: null, format: 'problem+json' }),
      { 'denial.format': /^a problem document has a body of its own; drop "body" or "format"$/ },
    ],
    ['refuse another format', denying({ format: 'html' }), { 'denial.format': /give "problem\+json"$/ }],
    [
      'refuse unknown reasons',
      denying({ quoat: RETRY, blocked: {} }),
      { 'denial.quoat': /^unknown field "quoat"; did you mean "quota"\?$/ },
    ],
    [
      'take an only reason that is misspelt for one',
      denying({ quoat: RETRY }),
      { 'denial.quoat': /did you mean "quota"/ },
    ],
    ['take a misspelt field for one', denying({ stauts: 429 }), { 'denial.stauts': /did you mean "status"/ }],
    [
      'refuse a mixture of fields and reasons',
      denying({ status: 429, quota: {} }),
      { 'denial.quota': /^unknown field "quota"; known: status, body, format$/ },
    ],
    [
      'refuse what is no template',
      denying({ quota: 5 }),
      { 'denial.quota': /^5 does not fit; give a template: \{ status, body \}$/ },
    ],
    ['refuse denials that are none', denying('busy'), { denial: /^"busy" does not fit; give a template/ }],
    [
      'be judged where another is wrong',
      denying({ quota: { status: 1 }, never: RETRY }),
      { 'denial.quota.status': /400 to 599/, 'denial.never.body': /no value/ },
    ],
    [
      'be judged where their own status is wrong',
      denying({ status: 1, body: '{x}' }),
      { 'denial.status': /400 to 599/, 'denial.body': /unknown placeholder/ },
    ],
    [
      'not be looked through where JSON cannot say them',
      denying({ body: ['{x}', 10n] }),
      { 'denial.body.1': /^10n does not fit; give a JSON value$/ },
    ],
  ])('should %s', (_title, document, expected) => {
    expectFaults(document, expected);
  });
});

describe('{retryAfter}', () => {
  const group = (fields: object) => groupsWith({ read: { denial: RETRY, ...fields } });

  it.each<FaultRow>([
    [
      'be taken in the template for the whole policy',
      denying({ body: '{retryAfter} {limit} {quota} {resetAt}' }),
      {},
    ],
    ['be taken for reasons that have it', denying({ quota: RETRY, blocked: RETRY }), {}],
    ['be taken in a group of rates', group({}), {}],
    ['be taken in a group without limits', group({ limits: [] }), {}],
    [
      'be taken in a group whose other reasons have templates of their own',
      groupsWith({ call: { denial: { quota: RETRY, concurrency: { body: 'busy' } } } }),
      {},
    ],
    ['mean nothing where it is not sent', denying({ never: { format: 'problem+json' } }), {}],
    [
      'be refused for reasons that never have it',
      denying({ quota: RETRY, concurrency: RETRY, never: RETRY, 'queue-full': RETRY }),
      {
        'denial.concurrency.body':
          /^\{retryAfter\} has no value when the reason is "concurrency"; leave it out here$/,
        'denial.never.body': /"never"/,
        'denial.queue-full.body': /"queue-full"/,
      },
    ],
    [
      'be refused in a group with permits',
      groupsWith({ call: { denial: RETRY } }),
      {
        'groups.call.denial.body':
          /when the reason is "concurrency" or "capacity"; key "denial" by reason, and leave it out there$/,
      },
    ],
    [
      'be refused in a group with a queue',
      group({ queue: { size: 1 } }),
      { 'groups.read.denial.body': /"queue-full" or "queue-timeout"/ },
    ],
    [
      'be refused where a missing field denies',
      { ...limitsWith({ reads: { missing: 'deny' } }), groups: { a: { limits: ['reads'], denial: RETRY } } },
      { 'groups.a.denial.body': /"missing"/ },
    ],
    [
      'be refused where a limit grants nothing',
      { ...limitsWith({ reads: { quota: 0 } }), groups: { a: { limits: ['reads'], denial: RETRY } } },
      { 'groups.a.denial.body': /"never"/ },
    ],
    [
      'be refused where a tier grants nothing',
      { ...group({}), tiers: { payg: { calls: 1, reads: { quota: 0 } } } },
      { 'groups.read.denial.body': /"never"/ },
    ],
    [
      'be refused where an override grants nothing',
      { ...group({}), overrides: [{ limit: 'reads', where: { a: 'b' }, quota: 0 }] },
      { 'groups.read.denial.body': /"never"/ },
    ],
    [
      'be taken where a limit of another group grants nothing',
      { ...group({}), overrides: [{ limit: 'writes', where: { a: 'b' }, quota: 0 }] },
      {},
    ],
  ])('should %s', (_title, document, expected) => {
    expectFaults(document, expected);
  });
});
