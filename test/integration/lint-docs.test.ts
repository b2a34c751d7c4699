import { readFileSync } from 'node:fs';
import { type FindingCode, lintPolicy } from 'headgate/lint';
import { describe, expect, it } from 'vitest';

const CODES: { readonly [C in FindingCode]: true } = {
  'address-without-account': true,
  'loose-tier': true,
  'never-binding-limit': true,
  'oversized-burst': true,
  'shadowed-pattern': true,
  'unlimited-group': true,
  'unmatched-allowed': true,
  'unreachable-method': true,
  'unreachable-pattern': true,
  'unused-limit': true,
  'unused-tier': true,
};

const text = readFileSync(new URL('../../docs/lint.md', import.meta.url), 'utf8');
const sections = text
  .split(/^## /m)
  .slice(1)
  .map((section): [string, string] => [/^\S+/.exec(section)?.[0] ?? '', section]);

describe('docs/lint.md', () => {
  it('should have a section for each code', () => {
    expect(sections.map(([code]) => code).sort()).toEqual(Object.keys(CODES));
  });

  it.each(sections)('should show a policy with %s and nothing else, and the remedy', (code, section) => {
    const [, json = ''] = /^```json\n([\s\S]*?)^```$/m.exec(section) ?? [];
    expect(lintPolicy(JSON.parse(json)).map((finding) => finding.code)).toEqual([code]);
    expect(section).toContain('**Remedy:**');
  });
});
