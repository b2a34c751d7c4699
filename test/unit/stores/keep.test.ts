import { manualClock } from 'headgate/testing';
import { describe, expect, it, vi } from 'vitest';
import { keepRenewed } from '../../../src/stores/keep.ts';
import { settled } from '../../fixtures/virtual-time.ts';

describe('keepRenewed', () => {
  it('should renew every third of a lease, also after a renewal has failed, until it is called off', async () => {
    const clock = manualClock();
    const at: number[] = [];
    const stop = keepRenewed(clock, 3000, async () => {
      at.push(clock.now());
      if (at.length === 2) throw new RangeError('not there');
      return true;
    });
    for (let i = 0; i < 4; i++) {
      clock.advance('1s');
      await settled();
    }
    expect(at).toEqual([1000, 2000, 3000, 4000]);
    stop();
    expect(clock.nextWake).toBeUndefined();
  });

  it('should stop by itself when the lease has ended', async () => {
    const clock = manualClock();
    keepRenewed(clock, 3000, async () => false);
    clock.advance('1s');
    await settled();
    expect(clock.nextWake).toBeUndefined();
  });

  it('should begin no renewal when it is called off during one', async () => {
    const clock = manualClock();
    const renew = vi.fn(async () => true);
    const stop = keepRenewed(clock, 3000, renew);
    clock.advance('1s');
    stop();
    await settled();
    clock.advance('1m');
    expect(renew).toHaveBeenCalledOnce();
  });
});
