import { describe, expect, it } from 'vitest';
import type { DenialDocument, DenialTemplate, Json } from '../../../src/policy/document.ts';
import {
  fillText,
  fillValue,
  isKeyedByReason,
  type Placeholder,
  type PlaceholderValues,
  placeholdersOf,
  REASONS_WITH_RETRY_AT,
  templateFaults,
  templateFor,
} from '../../../src/policy/template.ts';

const VALUES: PlaceholderValues = { retryAfter: 12, limit: 'reads', quota: 600, resetAt: undefined };

function nested(depth: number, innermost: Json): Json {
  return depth === 0 ? innermost : [nested(depth - 1, innermost)];
}

describe('fillText', () => {
  it.each<[string, string, string]>([
    ['fill in every placeholder', 'wait {retryAfter} s: {limit} is {quota}', 'wait 12 s: reads is 600'],
    ['fill in a placeholder each time it stands there', '{quota}{quota}', '600600'],
    ['read doubled braces as single ones', 'a {{retryAfter}} b }}{{', 'a {retryAfter} b }{'],
    ['tell a placeholder from the braces around it', '{{{limit}}}', '{reads}'],
    ['say "unknown" where there is no value', 'full at {resetAt}', 'full at unknown'],
    ['leave braces that are no placeholder', '{limt} { } {} {a{limit}', '{limt} { } {} {areads'],
    ['leave inherited names alone', '{constructor} {__proto__}', '{constructor} {__proto__}'],
    ['leave a text without braces', 'no', 'no'],
    ['leave an empty text', '', ''],
  ])('should %s', (_title, text, filled) => {
    expect(fillText(text, VALUES)).toBe(filled);
  });

  it('should fill in values once only, whatever they hold', () => {
    expect(fillText('{limit}', { ...VALUES, limit: '{quota}' })).toBe('{quota}');
  });

  it('should take linear time on text that is all braces', () => {
    for (const text of ['{', '}', '{{}', '{a', '{retryAfter'].map((braces) => braces.repeat(50_000))) {
      expect(fillText(text, VALUES).length).toBeLessThanOrEqual(text.length);
    }
  });
});

describe('fillValue', () => {
  it.each<[string, string, string | number | null]>([
    ['make a number of a lone placeholder', '{retryAfter}', 12],
    ['make a text of the name of a limit', '{limit}', 'reads'],
    ['make null of a lone placeholder without a value', '{resetAt}', null],
    ['keep text around a placeholder as text', ' {retryAfter}', ' 12'],
    ['keep two placeholders as text', '{quota}{quota}', '600600'],
    ['keep a doubled brace as text', '{{retryAfter}}', '{retryAfter}'],
    ['keep an empty text', '', ''],
  ])('should %s', (_title, text, value) => {
    expect(fillValue(text, VALUES)).toBe(value);
  });
});

describe('placeholdersOf', () => {
  it.each<[string, DenialTemplate, Placeholder[]]>([
    [
      'look into nested lists and objects',
      { body: { a: ['{limit}', { b: 'in {retryAfter} s' }] } },
      ['limit', 'retryAfter'],
    ],
    ['look into a plain text', { body: '{resetAt} {resetAt}' }, ['resetAt']],
    ['not count literal braces', { body: '{{retryAfter}}' }, []],
    ['not look at names of fields', { body: { '{retryAfter}': 1 } }, []],
    ['find none in numbers, booleans and null', { body: [1, true, null] }, []],
    ['find none in a template without a body', { status: 486 }, []],
    ['not look at a body that is not sent', { format: 'problem+json', body: '{retryAfter}' }, []],
  ])('should %s', (_title, template, placeholders) => {
    expect([...placeholdersOf(template)].sort()).toEqual(placeholders);
  });
});

describe('templateFaults', () => {
  it.each<[string, Json, [path: string, message: RegExp][]]>([
    ['find nothing wrong with a good body', { a: '{retryAfter} {{x}}', b: [null, 1, '{limit}'] }, []],
    [
      'suggest what was meant',
      { a: { b: 'x {retryafter}' } },
      [['denial.body.a.b', /"\{retryafter\}"; did you mean "retryAfter"/]],
    ],
    ['list what there is', ['{}'], [['denial.body.0', /known: retryAfter, limit, quota, resetAt/]]],
    ['refuse inherited names', '{constructor}', [['denial.body', /unknown placeholder "\{constructor\}"/]]],
    ['refuse an open brace', '{retryAfter', [['denial.body', /a single "\{"; .* "\{\{"/]]],
    ['refuse a closing brace', 'retryAfter}', [['denial.body', /a single "\}"; .* "\}\}"/]]],
    [
      'report all faults at once',
      { a: '{x} {y}', b: '{' },
      [
        ['denial.body.a', /"\{x\}"/],
        ['denial.body.a', /"\{y\}"/],
        ['denial.body.b', /single/],
      ],
    ],
    ['allow 32 levels', nested(32, '{limit}'), []],
    ['refuse more than 32 levels', nested(33, 0), [[`denial.body${'.0'.repeat(32)}`, /at most 32 deep/]]],
    ['stop at 32 levels', nested(5000, '{x}'), [[`denial.body${'.0'.repeat(32)}`, /at most 32 deep/]]],
  ])('should %s', (_title, body, expected) => {
    const faults = templateFaults({ body }, 'denial');
    expect(faults.map((fault) => fault.path)).toEqual(expected.map(([path]) => path));
    faults.forEach((fault, i) => {
      expect(fault.message).toMatch(expected[i]?.[1] ?? /never/);
    });
  });

  it('should name kind and value of a fault', () => {
    const [unknown, deep] = templateFaults({ body: ['{x}', nested(33, 0)] }, 'denial');
    expect(unknown).toMatchObject({ code: 'unknown-placeholder', value: '{x}' });
    expect(deep).toMatchObject({ code: 'too-deep' });
  });

  it('should find nothing wrong with a template without a body', () => {
    expect(templateFaults({ status: 486 }, 'denial')).toEqual([]);
  });
});

describe('isKeyedByReason', () => {
  it.each<[string, DenialDocument, boolean]>([
    ['see templates by reason', { quota: { status: 429 }, concurrency: {} }, true],
    ['see one template', { status: 486, body: null }, false],
    ['see one template by its format alone', { format: 'problem+json' }, false],
    ['take an empty document for a template', {}, false],
    [
      'take a mixture for a template, so that its reasons are unknown fields',
      { status: 1, quota: {} },
      false,
    ],
  ])('should %s', (_title, denial, isKeyed) => {
    expect(isKeyedByReason(denial)).toBe(isKeyed);
  });
});

describe('templateFor', () => {
  const A = { status: 481 };
  const B = { status: 482 };

  it.each<[string, DenialDocument | undefined, DenialDocument | undefined, DenialTemplate | undefined]>([
    ["take the group's template for the reason first", { quota: A, never: B }, { quota: B }, A],
    ["take the group's template for all reasons next", A, { quota: B }, A],
    ["take the policy's template for the reason next", { never: A }, { quota: B }, B],
    ["take the policy's template for all reasons next", { never: A }, B, B],
    ["take the policy's where the group has none", undefined, B, B],
    ['find none where no template has the reason', { never: A }, { never: B }, undefined],
    ['find none where there is none', undefined, undefined, undefined],
  ])('should %s', (_title, group, policy, template) => {
    expect(templateFor('quota', group, policy)).toBe(template);
  });
});

it('should promise a next attempt for a used-up quota, a block and a store that fails only', () => {
  expect(REASONS_WITH_RETRY_AT).toEqual(['quota', 'blocked', 'store-failure']);
});
