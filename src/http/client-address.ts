/**
 * The address of a client as a partition key: one key for all spellings of an address, decided by its bits.
 *
 * @module
 */

import { checkOptionsObject, type Fault, PolicyError, show, unknownFields } from '../errors.ts';

/** An IP address as eight 16-bit numbers; an IPv4 address is its IPv4-mapped form, `::ffff:0:0/96`. */
export type Address = readonly number[];

/** Where a request came from, as the server saw it. */
export interface ClientAddressInput {
  /** Address of the connection's other end; `undefined` where there is none, as on a Unix socket. */
  readonly peer: string | undefined;
  /** `X-Forwarded-For`, one text per field line, in the order received. */
  readonly forwardedFor?: string | readonly string[] | undefined;
}

/** Options of {@link clientAddress}. */
export interface ClientAddressOptions {
  /**
   * How many proxies of yours stand in front, each adding the address it was called from to the right end of
   * `X-Forwarded-For`. Default 0: the field is not read, for anyone can send it.
   */
  readonly trustedHops?: number;
  /** Leading bits of an IPv6 address that make one client: 32 to 64, default 64. */
  readonly ipv6Prefix?: number;
}

/** Octets of an IPv4 address: no leading zeros, which some read as octal. */
const OCTET = /^(?:0|[1-9]\d{0,2})$/;
const GROUP = /^[\da-f]{1,4}$/i;
const PORT = /^(?::\d{1,5})?$/;

/** Length of the longest IPv6 text, `0000:0000:0000:0000:0000:ffff:255.255.255.255`. */
const MAX_TEXT = 45;

/**
 * The client's address as a partition key: `203.0.113.7` for IPv4, IPv4-mapped IPv6 included, and the network for
 * IPv6, `2001:db8::/64`, since one client commonly has a whole /64.
 *
 * With `trustedHops: n` it is the n-th address from the right of `X-Forwarded-For`; the peer's if there are fewer, or
 * if that entry is no address. Entries further left are never looked at.
 *
 * @returns `undefined` if the peer's address is needed and is none
 * @throws PolicyError naming every faulty option
 */
export function clientAddress(
  input: ClientAddressInput,
  options: ClientAddressOptions = {},
): string | undefined {
  checkOptionsObject(options);
  checkOptionsObject(input, 'input');
  const { trustedHops, ipv6Prefix } = checkOptions(options);
  const { peer = '', forwardedFor = '' } = input;
  const forwarded = trustedHops > 0 ? entryFromRight([forwardedFor].flat().join(), trustedHops) : '';
  const address = parseAddress(forwarded) ?? parseAddress(peer);
  return address && keyOf(address, ipv6Prefix);
}

/**
 * An IPv4 or IPv6 address from text, without the port, the brackets and the zone (`%eth0`) it may come with.
 *
 * Takes time linear in the length of `text`, whatever it holds.
 *
 * @returns `undefined` if it is no address: a name, octets with leading zeros, hexadecimal or too few
 */
export function parseAddress(text: string): Address | undefined {
  const host = text.trim();
  if (host.startsWith('[')) {
    const close = host.indexOf(']');
    return PORT.test(host.slice(close + 1)) ? parseIPv6(host.slice(1, close)) : undefined;
  }
  const colon = host.indexOf(':');
  if (colon === -1) return parseIPv4(host);
  if (colon !== host.lastIndexOf(':')) return parseIPv6(host);
  return PORT.test(host.slice(colon)) ? parseIPv4(host.slice(0, colon)) : undefined;
}

function parseIPv4(text: string): Address | undefined {
  const octets = text.length <= MAX_TEXT ? text.split('.') : [];
  if (octets.length !== 4 || !octets.every((octet) => OCTET.test(octet) && Number(octet) <= 255)) {
    return undefined;
  }
  const [a = 0, b = 0, c = 0, d = 0] = octets.map(Number);
  return [0, 0, 0, 0, 0, 0xffff, a * 256 + b, c * 256 + d];
}

function parseIPv6(text: string): Address | undefined {
  const [address = ''] = text.split('%', 1);
  const hex = address.length <= MAX_TEXT ? withoutOctets(address) : undefined;
  if (hex === undefined) return undefined;
  const gap = hex.indexOf('::');
  const head = parseGroups(gap === -1 ? hex : hex.slice(0, gap));
  const tail = parseGroups(gap === -1 ? '' : hex.slice(gap + 2));
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  const isComplete = gap === -1 ? missing === 0 : missing >= 1;
  return isComplete ? [...head, ...Array<number>(missing).fill(0), ...tail] : undefined;
}

/** Rewrites an IPv4 address at the end, as in `::ffff:192.0.2.1`, into two groups. */
function withoutOctets(text: string): string | undefined {
  if (!text.includes('.')) return text;
  const start = text.lastIndexOf(':') + 1;
  const groups = parseIPv4(text.slice(start))?.slice(6);
  return groups && text.slice(0, start) + groups.map((group) => group.toString(16)).join(':');
}

function parseGroups(text: string): number[] | undefined {
  const groups = text === '' ? [] : text.split(':');
  return groups.every((group) => GROUP.test(group))
    ? groups.map((group) => Number.parseInt(group, 16))
    : undefined;
}

/** The n-th entry from the right of a comma-separated list; `''` if there are fewer. */
function entryFromRight(list: string, n: number): string {
  let end = list.length;
  for (let left = n; left > 1; left--) {
    end = list.lastIndexOf(',', end - 1);
    if (end <= 0) return '';
  }
  return list.slice(list.lastIndexOf(',', end - 1) + 1, end);
}

function keyOf(address: Address, ipv6Prefix: number): string {
  const [high = 0, low = 0] = address.slice(6);
  if (isIPv4(address)) return [high >> 8, high & 0xff, low >> 8, low & 0xff].join('.');
  const network = address.map((group, i) => group & maskOf(ipv6Prefix - 16 * i));
  // The last four groups are zeros, and no run of zeros before them is as long: RFC 5952 leaves out the last run.
  const last = network.findLastIndex((group) => group !== 0);
  const written = network.slice(0, last + 1).map((group) => group.toString(16));
  return `${written.join(':')}::/${ipv6Prefix}`;
}

function isIPv4(address: Address): boolean {
  return address[5] === 0xffff && address.slice(0, 5).every((group) => group === 0);
}

/** A group's mask, of which `bits` belong to the network; fewer than 0 are none, more than 16 are all. */
function maskOf(bits: number): number {
  return 0xffff & (0xffff << (16 - Math.min(Math.max(bits, 0), 16)));
}

function checkOptions({
  trustedHops = 0,
  ipv6Prefix = 64,
  ...others
}: ClientAddressOptions): Required<ClientAddressOptions> {
  const [first, ...rest] = [
    ...unknownFields(others, ['trustedHops', 'ipv6Prefix']),
    ...rangeFaults('trustedHops', trustedHops, 0, Number.MAX_SAFE_INTEGER),
    ...rangeFaults('ipv6Prefix', ipv6Prefix, 32, 64),
  ];
  if (first !== undefined) throw new PolicyError([first, ...rest]);
  return { trustedHops, ipv6Prefix };
}

function rangeFaults(path: string, value: number, least: number, most: number): Fault[] {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return [];
  const message = `${show(value)} is out of range; give an integer from ${least} to ${most}`;
  return [{ code: 'out-of-range', path, value, message }];
}
