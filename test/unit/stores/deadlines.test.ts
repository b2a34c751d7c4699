import { manualClock } from 'headgate/testing';
import { describe, expect, it } from 'vitest';
import { Deadlines } from '../../../src/stores/deadlines.ts';

describe('deadlines', () => {
  it('should end those that have waited for as long as they may, and nobody else', () => {
    const clock = manualClock(1000);
    const deadlines = new Deadlines(clock, 250);
    const ended: string[] = [];
    const watch = (name: string): (() => void) => deadlines.watch(() => ended.push(name));
    const leave = watch('done in time');
    watch('a');
    watch('b');
    clock.advance(10);
    watch('later');
    leave();
    clock.advance(239);
    expect(ended).toEqual([]);
    clock.advance(1);
    expect(ended).toEqual(['a', 'b']);
    clock.advance(10);
    expect(ended).toEqual(['a', 'b', 'later']);
  });

  it('should share a timer among those that begin at once, and leave none behind but the latest', () => {
    const clock = manualClock(0);
    const deadlines = new Deadlines(clock, 250);
    deadlines.watch(() => undefined)();
    deadlines.watch(() => undefined)();
    clock.advance(5);
    deadlines.watch(() => undefined)();
    expect(clock.nextWake).toBe(255);
    clock.advance(250);
    expect(clock.nextWake).toBeUndefined();
  });

  it('should give the reply a moment more when the timer is late, since the process was busy', () => {
    let now = 0;
    const timers: { at: number; wake: () => void }[] = [];
    const clock = {
      now: () => now,
      wakeAt(at: number, wake: () => void) {
        timers.push({ at, wake });
        return () => undefined;
      },
    };
    const deadlines = new Deadlines(clock, 250);
    let isOver = false;
    deadlines.watch(() => {
      isOver = true;
    });
    now = 900;
    timers[0]?.wake();
    expect([isOver, timers[1]?.at]).toEqual([false, 920]);
    timers[1]?.wake();
    expect(isOver).toBe(true);
  });
});
