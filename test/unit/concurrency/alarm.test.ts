import { describe, expect, it, vi } from 'vitest';
import { Alarm, type Ringing } from '../../../src/concurrency/alarm.ts';
import { type Clock, type Millis, manualClock } from '../../../src/time.ts';

function bell(log: string[], name: string): Ringing {
  return { at: 0, index: -1, turn: 0, ring: (now) => log.push(`${name}@${now}`) };
}

describe('Alarm', () => {
  it('should arm nothing until something is set', () => {
    const clock = manualClock();
    const alarm = new Alarm(clock);
    alarm.set(bell([], 'never'), Number.POSITIVE_INFINITY);
    expect([alarm.size, clock.nextWake]).toEqual([0, undefined]);
  });

  it('should ring each at its instant, and equal instants in the order they were set', () => {
    const [clock, log] = [manualClock(), [] as string[]];
    const alarm = new Alarm(clock);
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => bell(log, name)) as [
      Ringing,
      Ringing,
      Ringing,
      Ringing,
    ];
    alarm.set(a, 20);
    alarm.set(b, 10);
    alarm.set(c, 10);
    alarm.set(d, 10);
    alarm.set(b, 10);
    clock.set(10);
    expect(log).toEqual(['c@10', 'd@10', 'b@10']);
    clock.set(100);
    expect(log.slice(3)).toEqual(['a@20']);
    expect(clock.nextWake).toBeUndefined();
  });

  it('should keep only the last instant of an item', () => {
    const [clock, log] = [manualClock(), [] as string[]];
    const alarm = new Alarm(clock);
    const a = bell(log, 'a');
    alarm.set(a, 10);
    alarm.set(a, 30);
    clock.set(29);
    expect(log).toEqual([]);
    clock.set(30);
    expect(log).toEqual(['a@30']);
    alarm.set(a, 40);
    alarm.set(a, Number.POSITIVE_INFINITY);
    expect(clock.nextWake).toBeUndefined();
  });

  it('should disarm when the last item is cleared', () => {
    const clock = manualClock();
    const alarm = new Alarm(clock);
    const [a, b] = [bell([], 'a'), bell([], 'b')];
    alarm.set(a, 10);
    alarm.clear(a);
    alarm.clear(b);
    expect(clock.nextWake).toBeUndefined();
    alarm.set(a, 10);
    alarm.set(b, 20);
    alarm.clear(a);
    alarm.clear(b);
    expect([alarm.size, clock.nextWake]).toEqual([0, undefined]);
  });

  it('should tell once when everything that is due has rung', () => {
    const [clock, log] = [manualClock(), [] as string[]];
    const alarm = new Alarm(clock, (now) => log.push(`rung@${now}`));
    alarm.set(bell(log, 'a'), 10);
    alarm.set(bell(log, 'b'), 10);
    clock.set(10);
    expect(log).toEqual(['a@10', 'b@10', 'rung@10']);
  });

  it('should let what rings set the alarm again', () => {
    const [clock, log] = [manualClock(), [] as string[]];
    const alarm = new Alarm(clock);
    const again: Ringing = {
      at: 0,
      index: -1,
      turn: 0,
      ring(now) {
        log.push(String(now));
        if (now < 30) alarm.set(again, now + 10);
      },
    };
    alarm.set(again, 10);
    clock.set(1_000);
    expect(log).toEqual(['10', '20', '30']);
  });

  it('should hold one timer for any number of instants', () => {
    let armed = 0;
    const clock: Clock = {
      now: () => 0,
      wakeAt: () => {
        armed++;
        return () => armed--;
      },
    };
    const alarm = new Alarm(clock);
    const bells = Array.from({ length: 1_000 }, (_, i) => bell([], String(i)));
    for (const [i, each] of bells.entries()) alarm.set(each, 5_000 - i);
    expect(armed).toBe(1);
    for (const each of bells) alarm.clear(each);
    expect(armed).toBe(0);
  });

  it('should ring late rather than early on a clock with fractions, and say whole milliseconds', () => {
    const rung: Millis[] = [];
    let [now, wake] = [0, (): void => undefined];
    const clock: Clock = {
      now: () => now,
      wakeAt: (_at, each) => {
        wake = each;
        return () => undefined;
      },
    };
    const alarm = new Alarm(clock);
    alarm.set({ at: 0, index: -1, turn: 0, ring: (at) => rung.push(at) }, 10);
    now = 9.9;
    wake();
    expect(rung).toEqual([]);
    now = 10.7;
    wake();
    expect(rung).toEqual([10]);
  });

  it('should reach an instant that is further away than timers go', () => {
    vi.useFakeTimers({ now: 0 });
    try {
      const rung: Millis[] = [];
      const alarm = new Alarm({ now: () => Date.now() });
      const far = 3 * 2 ** 31;
      alarm.set({ at: 0, index: -1, turn: 0, ring: (at) => rung.push(at) }, far);
      vi.advanceTimersByTime(far - 1);
      expect(rung).toEqual([]);
      vi.advanceTimersByTime(1);
      expect(rung).toEqual([far]);
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });
});
