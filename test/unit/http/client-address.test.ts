import { describe, expect, it } from 'vitest';
import { type ClientAddressOptions, clientAddress, parseAddress } from '../../../src/http/client-address.ts';

describe('the key of a peer', () => {
  it.each<[text: string, key: string | undefined]>([
    ['192.0.2.1', '192.0.2.1'],
    ['0.0.0.0', '0.0.0.0'],
    ['255.255.255.255', '255.255.255.255'],
    ['1.2.3.4:80', '1.2.3.4'],
    [' 1.2.3.4\t', '1.2.3.4'],
    ['::ffff:1.2.3.4', '1.2.3.4'],
    ['::ffff:102:304', '1.2.3.4'],
    ['::FFFF:0102:0304', '1.2.3.4'],
    ['0:0:0:0:0:ffff:1.2.3.4', '1.2.3.4'],
    ['0000:0000:0000:0000:0000:ffff:255.255.255.255', '255.255.255.255'],
    ['[::ffff:1.2.3.4]:443', '1.2.3.4'],
    ['::ffff:1.2.3.4%eth0', '1.2.3.4'],
    ['2001:DB8::1', '2001:db8::/64'],
    ['2001:db8::1.2.3.4', '2001:db8::/64'],
    ['2001:0db8:0000:0000:ffff:ffff:ffff:ffff', '2001:db8::/64'],
    ['2001:db8:0:1::1', '2001:db8:0:1::/64'],
    ['2001:db8:a:b:c:d:e:f', '2001:db8:a:b::/64'],
    ['0:0:0:1:2:3:4:5', '0:0:0:1::/64'],
    ['1:2:3:4:5:6:7::', '1:2:3:4::/64'],
    ['::2:3:4:5:6:7:8', '0:2:3:4::/64'],
    ['::', '::/64'],
    ['::1', '::/64'],
    ['[::1]', '::/64'],
    ['[::1]:80', '::/64'],
    ['fe80::1%eth0', 'fe80::/64'],
    ['[fe80::1%eth0]:80', 'fe80::/64'],
    ['::1.2.3.4', '::/64'],
    ['::fffe:1.2.3.4', '::/64'],
    ['1::ffff:1.2.3.4', '1::/64'],
    ['', undefined],
    [' ', undefined],
    ['unknown', undefined],
    ['_hidden', undefined],
    ['localhost', undefined],
    ['01.2.3.4', undefined],
    ['1.2.3.04', undefined],
    ['0x7f.1', undefined],
    ['0x7f.0.0.1', undefined],
    ['2130706433', undefined],
    ['127.1', undefined],
    ['1.2.3.256', undefined],
    ['1.2.3.999', undefined],
    ['1.2.3', undefined],
    ['1.2.3.', undefined],
    ['1.2.3.4.5', undefined],
    ['1.2.3.-4', undefined],
    ['1.2.3.4e0', undefined],
    ['1.2. 3.4', undefined],
    ['１.2.3.4', undefined],
    ['1.2.3.4:', undefined],
    ['1.2.3.4:x', undefined],
    ['1.2.3.4:123456', undefined],
    ['1.2.3.4%eth0', undefined],
    ['1.2.3.4/24', undefined],
    ['[1.2.3.4]', undefined],
    [':', undefined],
    [':80', undefined],
    [':::', undefined],
    ['1:2:3:4:5:6:7', undefined],
    ['1:2:3:4:5:6:7:8:9', undefined],
    ['1:2:3:4::5:6:7:8', undefined],
    ['1::2::3', undefined],
    ['1:::2', undefined],
    [':1:2:3:4:5:6:7:8', undefined],
    [':1::2', undefined],
    ['1::2:', undefined],
    ['12345::', undefined],
    ['g::', undefined],
    ['::+1', undefined],
    ['::0x1', undefined],
    ['1.2.3.4::', undefined],
    ['::1.2.3.4:5', undefined],
    ['::1.2.3', undefined],
    ['::ffff:01.2.3.4', undefined],
    ['1:2:3:4:5:6:7:1.2.3.4', undefined],
    ['00000::1', undefined],
    ['[::1', undefined],
    ['[::1]80', undefined],
    ['[::1]:', undefined],
    ['::1]', undefined],
    ['[]', undefined],
    ['"[::1]"', undefined],
    ['::ffff:1.2.3.4::', undefined],
  ])('should be, for %j, %s', (text, key) => {
    expect(clientAddress({ peer: text })).toBe(key);
  });

  it('should be undefined without a peer', () => {
    expect(clientAddress({ peer: undefined })).toBeUndefined();
  });
});

describe('ipv6Prefix', () => {
  it.each<[bits: number, key: string]>([
    [32, '2001:db8::/32'],
    [33, '2001:db8:8000::/33'],
    [40, '2001:db8:ff00::/40'],
    [48, '2001:db8:ffff::/48'],
    [56, '2001:db8:ffff:ff00::/56'],
    [63, '2001:db8:ffff:fffe::/63'],
    [64, '2001:db8:ffff:ffff::/64'],
  ])('should key by the first %i bits', (ipv6Prefix, key) => {
    expect(clientAddress({ peer: '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff' }, { ipv6Prefix })).toBe(key);
  });

  it('should not touch IPv4', () => {
    expect(clientAddress({ peer: '::ffff:203.0.113.7' }, { ipv6Prefix: 32 })).toBe('203.0.113.7');
  });
});

describe('X-Forwarded-For', () => {
  const peer = '10.0.0.1';

  it.each<[string, field: string | string[] | undefined, trustedHops: number, key: string]>([
    ['not be read unless hops are trusted', '9.9.9.9', 0, peer],
    ['be read from the right', '9.9.9.9, 8.8.8.8, 7.7.7.7', 1, '7.7.7.7'],
    ['be read as many hops as are trusted', '9.9.9.9, 8.8.8.8, 7.7.7.7', 2, '8.8.8.8'],
    ['be read to its left end', '9.9.9.9,8.8.8.8', 2, '9.9.9.9'],
    ['give way to the peer if the chain is shorter', '9.9.9.9, 8.8.8.8', 3, peer],
    ['give way to the peer if it is absent', undefined, 1, peer],
    ['give way to the peer if it is empty', '', 1, peer],
    ['give way to the peer if the entry is no address', '9.9.9.9, unknown', 1, peer],
    [
      'not skip an empty entry, for a client could have sent what is left of it',
      '9.9.9.9, , 7.7.7.7',
      2,
      peer,
    ],
    ['not skip an empty entry at the right end', '9.9.9.9,', 1, peer],
    ['not skip an empty entry at the left end', ',9.9.9.9', 2, peer],
    ['be shorter than it looks with an empty left end', ',9.9.9.9', 3, peer],
    ['end at its left end, however many hops are trusted', ',9.9.9.9', Number.MAX_SAFE_INTEGER, peer],
    ['not mind what stands further left', '0x7f.1, <script>, 7.7.7.7', 1, '7.7.7.7'],
    ['join the lines of a repeated field', ['9.9.9.9, 8.8.8.8', '7.7.7.7'], 2, '8.8.8.8'],
    ['count an empty line as an entry', ['9.9.9.9', ''], 1, peer],
    ['give way to the peer without any line', [], 1, peer],
    ['hold ports and IPv6', '[2001:db8::1]:443, 8.8.8.8:80', 2, '2001:db8::/64'],
  ])('should %s', (_title, forwardedFor, trustedHops, key) => {
    expect(clientAddress({ peer, forwardedFor }, { trustedHops })).toBe(key);
  });

  it('should serve where there is no peer, as behind a Unix socket', () => {
    expect(clientAddress({ peer: undefined, forwardedFor: '8.8.8.8' }, { trustedHops: 1 })).toBe('8.8.8.8');
    expect(clientAddress({ peer: '', forwardedFor: 'unknown' }, { trustedHops: 1 })).toBeUndefined();
  });

  it.each<[hops: number, key: string]>([
    [1, '1.1.3.231'],
    [1_000, '1.1.0.0'],
    [1_001, peer],
    [Number.MAX_SAFE_INTEGER, peer],
  ])('should find hop %i of a thousand', (trustedHops, key) => {
    const hops = Array.from({ length: 1_000 }, (_, i) => `1.1.${i >> 8}.${i & 0xff}`);
    expect(clientAddress({ peer, forwardedFor: hops.join(', ') }, { trustedHops })).toBe(key);
    expect(clientAddress({ peer, forwardedFor: hops }, { trustedHops })).toBe(key);
  });
});

describe('options', () => {
  it.each<[options: object, paths: string[]]>([
    [{ trustedHops: -1 }, ['trustedHops']],
    [{ trustedHops: 1.5 }, ['trustedHops']],
    [{ trustedHops: '1' }, ['trustedHops']],
    [{ trustedHops: Number.NaN }, ['trustedHops']],
    [{ trustedHops: Number.POSITIVE_INFINITY }, ['trustedHops']],
    [{ trustedHops: true }, ['trustedHops']],
    [{ ipv6Prefix: 31 }, ['ipv6Prefix']],
    [{ ipv6Prefix: 65 }, ['ipv6Prefix']],
    [{ ipv6Prefix: 48.5 }, ['ipv6Prefix']],
    [{ ipv6Prefix: null }, ['ipv6Prefix']],
    [{ trustProxy: true }, ['trustProxy']],
    [{ trustedHops: -1, ipv6Prefix: 0, hops: 1 }, ['hops', 'trustedHops', 'ipv6Prefix']],
  ])('should be refused: %j', (options, paths) => {
    expect(() => clientAddress({ peer: '1.2.3.4' }, options as ClientAddressOptions)).toThrow(
      expect.objectContaining({
        name: 'PolicyError',
        faults: paths.map((path) => expect.objectContaining({ path })),
      }),
    );
  });
});

describe('parseAddress', () => {
  it('should give the same eight numbers for all spellings', () => {
    const expected = [0, 0, 0, 0, 0, 0xffff, 0x0102, 0x0304];
    expect(parseAddress('1.2.3.4')).toEqual(expected);
    expect(parseAddress('[::ffff:102:304]:80')).toEqual(expected);
  });

  it.each(['[', ':', '1:', '::', '.', '1.', '%', '[::1]', ' ', '0', '\0'])(
    'should refuse a megabyte of %j',
    (text) => {
      expect(parseAddress(text.repeat(1_000_000))).toBeUndefined();
    },
  );

  it('should refuse a valid start that goes on for long', () => {
    expect(parseAddress(`::1${'0'.repeat(1_000_000)}`)).toBeUndefined();
    expect(parseAddress(`1.2.3.4:${'0'.repeat(1_000_000)}`)).toBeUndefined();
  });
});
