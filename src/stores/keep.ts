import { type Clock, type Millis, wakeByTimer } from '../time.ts';

/**
 * Renews a lease every third of its length, until it is called off or has ended. A renewal that fails is tried again at the
 * next one.
 *
 * @param renew - whether it is still held
 */
export function keepRenewed(clock: Clock, length: Millis, renew: () => Promise<boolean>): () => void {
  let cancel: () => void = () => undefined;
  const next = (): void => {
    const at = clock.now() + Math.max(1, Math.floor(length / 3));
    cancel = clock.wakeAt?.(at, wake) ?? wakeByTimer(clock, at, wake);
  };
  const wake = (): void => {
    next();
    renew().then(
      (isHeld) => (isHeld ? undefined : cancel()),
      () => undefined,
    );
  };
  next();
  return () => cancel();
}
