import { describe, expect, it } from 'vitest';
import { type Hold, type Lease, Leases } from '../../../src/concurrency/leases.ts';
import { PermitTable } from '../../../src/concurrency/permits.ts';

function setUp(): { table: PermitTable; leases: Leases; ended: Lease[] } {
  const ended: Lease[] = [];
  return { table: new PermitTable(2, 'calls'), leases: new Leases((lease) => ended.push(lease)), ended };
}

function hold(table: PermitTable, key: string, count: number, next?: Hold): Hold {
  return { table, permits: table.open(key), count, next };
}

const FOREVER = Number.POSITIVE_INFINITY;

describe('PermitTable', () => {
  it('should keep a key only while something is held or awaited', () => {
    const { table, leases } = setUp();
    const held = hold(table, 'a', 2);
    expect(table.open('a')).toBe(held.permits);
    const lease = leases.grant(held, FOREVER, 0);
    expect(table.stats()).toEqual({ keys: 1, held: 2 });
    held.permits.awaited++;
    leases.release(lease, 0);
    expect(table.stats()).toEqual({ keys: 1, held: 0 });
    held.permits.awaited--;
    table.close(held.permits);
    expect(table.stats()).toEqual({ keys: 0, held: 0 });
  });

  it('should not count a key that was let go, and take it up again', () => {
    const { table } = setUp();
    const [a, b] = [table.open('a'), table.open('b')];
    table.close(a);
    expect([table.size, table.hasRoomFor('a'), table.hasRoomFor('c')]).toEqual([1, true, true]);
    table.open('c');
    expect([table.size, table.hasRoomFor('a'), table.hasRoomFor('c')]).toEqual([2, false, true]);
    table.close(b);
    expect([table.size, table.hasRoomFor('a'), table.find('a')]).toEqual([1, true, undefined]);
    expect(table.open('b')).toBe(b);
    table.close(b);
    table.close(b);
    expect([table.open('a'), table.size]).toEqual([a, 2]);
  });

  it('should have room for keys it holds, and for others up to its bound', () => {
    const { table } = setUp();
    table.open('a');
    expect(table.hasRoomFor('b')).toBe(true);
    table.open('b');
    expect([table.hasRoomFor('a'), table.hasRoomFor('b'), table.hasRoomFor('c')]).toEqual([
      true,
      true,
      false,
    ]);
  });

  it.each(['__proto__', 'constructor', 'toString', ''])('should take %j for an ordinary key', (key) => {
    const { table } = setUp();
    expect(table.find(key)).toBeUndefined();
    expect(table.open(key).held).toBe(0);
    expect(table.size).toBe(1);
  });
});

describe('Leases', () => {
  it('should end a lease once, however often it is released', () => {
    const { table, leases, ended } = setUp();
    const lease = leases.grant(hold(table, 'a', 1), 10, 0);
    expect([leases.release(lease, 5), leases.release(lease, 6), leases.release(lease, 20)]).toEqual([
      true,
      false,
      false,
    ]);
    expect(ended).toEqual([lease]);
    expect(leases.counts()).toEqual({ granted: 1, released: 1, expired: 0 });
    expect(leases.nextExpiry).toBe(FOREVER);
  });

  it.each<[string, number, released: boolean]>([
    ['just before its time is up', 9, true],
    ['when its time is up', 10, false],
    ['later', 1_000, false],
  ])('should say whether a lease of 10 ms is released %s', (_title, now, released) => {
    const { table, leases } = setUp();
    const lease = leases.grant(hold(table, 'a', 1), 10, 0);
    expect(leases.release(lease, now)).toBe(released);
    expect(lease.isLost).toBe(!released);
    expect(leases.counts()).toEqual({ granted: 1, released: released ? 1 : 0, expired: released ? 0 : 1 });
    expect(table.size).toBe(0);
  });

  it('should start the time anew when renewed, and not once it is up', () => {
    const { table, leases } = setUp();
    const lease = leases.grant(hold(table, 'a', 1), 10, 0);
    expect([leases.renew(lease, 9), leases.nextExpiry]).toEqual([true, 19]);
    leases.expire(18);
    expect(lease.isHeld).toBe(true);
    expect(leases.renew(lease, 19)).toBe(false);
    expect(lease.isLost).toBe(true);
  });

  it('should renew a lease without an end', () => {
    const { table, leases } = setUp();
    const lease = leases.grant(hold(table, 'a', 1), FOREVER, 0);
    expect([leases.renew(lease, 1e9), leases.nextExpiry]).toEqual([true, FOREVER]);
    leases.release(lease, 1e9);
    expect(leases.renew(lease, 1e9)).toBe(false);
  });

  it('should take back all permits of a lease together, the earliest lease first', () => {
    const { table, leases, ended } = setUp();
    const late = leases.grant(hold(table, 'a', 3), 20, 0);
    const early = leases.grant(hold(table, 'a', 1, hold(table, 'b', 2)), 10, 0);
    leases.expire(9);
    expect(table.stats().held).toBe(6);
    leases.expire(30);
    expect(ended).toEqual([early, late]);
    expect(table.stats()).toEqual({ keys: 0, held: 0 });
  });

  it('should number leases upwards', () => {
    const { table, leases } = setUp();
    const grant = (): number => leases.grant(hold(table, 'a', 1), 1, 0).fence;
    expect([grant(), grant(), grant()]).toEqual([1, 2, 3]);
  });
});
