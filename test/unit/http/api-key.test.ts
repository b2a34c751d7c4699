import { createHash } from 'node:crypto';
import { type ApiKeyInput, type ApiKeyOptions, apiKeyFrom, apiKeyHashFrom } from 'headgate';
import { describe, expect, it } from 'vitest';

type Row = [
  title: string,
  Record<string, string>,
  ApiKeyOptions | undefined,
  string | undefined,
  url?: string,
];

const ROWS: Row[] = [
  ['x-api-key by default', { 'x-api-key': 'k1' }, undefined, 'k1'],
  ['no key', {}, undefined, undefined],
  ['an empty key', { 'x-api-key': '  ' }, undefined, undefined],
  ['a key with space around it', { 'x-api-key': ' k1 ' }, undefined, 'k1'],
  ['a key that came twice', { 'x-api-key': 'k1, k2' }, undefined, undefined],
  ['another field, in any case', { 'api-token': 'k1' }, { header: 'Api-Token' }, 'k1'],
  ['nothing but what is asked for', { 'x-api-key': 'k1' }, { bearer: true }, undefined],
  ['a bearer', { authorization: 'Bearer k1' }, { bearer: true }, 'k1'],
  ['a bearer in lower case', { authorization: 'bearer  k1' }, { bearer: true }, 'k1'],
  ['another scheme', { authorization: 'Basic azE6' }, { bearer: true }, undefined],
  ['a bearer of nothing', { authorization: 'Bearer ' }, { bearer: true }, undefined],
  [
    'the field before the bearer',
    { a: 'k1', authorization: 'Bearer k2' },
    { header: 'a', bearer: true },
    'k1',
  ],
  [
    'the bearer where the field is missing',
    { authorization: 'Bearer k2' },
    { header: 'a', bearer: true },
    'k2',
  ],
  ['a parameter', {}, { query: 'key' }, 'k 1', '/items?page=2&key=k%201#key=k2'],
  ['a parameter of a whole address', {}, { query: 'key' }, 'k1', 'https://api.example/items?key=k1'],
  ['a parameter that came twice', {}, { query: 'key' }, undefined, '/items?key=k1&key=k2'],
  ['a parameter without a value', {}, { query: 'key' }, undefined, '/items?key='],
  ['no parameters', {}, { query: 'key' }, undefined, '/items'],
];

describe('apiKeyFrom', () => {
  it.each(ROWS)('should read %s', (_title, headers, options, key, url) => {
    const inputs: ApiKeyInput[] = [
      { headers, url },
      { headers: new Headers(headers), url },
    ];
    expect(inputs.map((input) => apiKeyFrom(input, options))).toEqual([key, key]);
  });

  it('should not read what objects inherit', () => {
    expect(apiKeyFrom({ headers: {} }, { header: 'constructor' })).toBeUndefined();
  });

  it.each<[object, string]>([
    [{ headers: 'x' }, 'headers'],
    [{ header: 'x api' }, 'header'],
    [{ header: 7 }, 'header'],
    [{ bearer: 'yes' }, 'bearer'],
    [{ query: '' }, 'query'],
  ])('should refuse %j', (options, path) => {
    const ask = () => apiKeyFrom({ headers: {} }, options);
    expect(ask).toThrow(expect.objectContaining({ name: 'PolicyError', path }));
  });
});

describe('apiKeyHashFrom', () => {
  it('should be the SHA-256 of the key', async () => {
    const hash = createHash('sha256').update('ключ').digest('hex');
    expect(await apiKeyHashFrom({ headers: { 'x-api-key': 'ключ' } })).toBe(hash);
  });

  it('should be nothing without a key, and a rejection with a faulty option', async () => {
    expect(await apiKeyHashFrom({ headers: {} })).toBeUndefined();
    await expect(apiKeyHashFrom({ headers: {} }, { query: '' })).rejects.toMatchObject({ path: 'query' });
  });
});
