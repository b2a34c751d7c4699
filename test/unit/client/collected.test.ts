import { expect, it } from 'vitest';
import { Collected } from '../../../src/client/collected.ts';
import { settled } from '../../fixtures/virtual-time.ts';

const text = (collected: Collected): string | undefined =>
  collected.bytes === undefined ? undefined : new TextDecoder().decode(collected.bytes);

function source() {
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  const stream = new ReadableStream<Uint8Array>({
    start: (given) => {
      controller = given;
    },
  });
  return {
    stream,
    write: (chunk: string) => controller?.enqueue(new TextEncoder().encode(chunk)),
    controller,
  };
}

it('should hold a stream when it has ended, and nothing before', async () => {
  const { stream, write, controller } = source();
  const collected = new Collected(stream, 6);
  write('abc');
  await settled();
  expect(text(collected)).toBeUndefined();
  write('def');
  controller?.close();
  await collected.ended;
  expect(text(collected)).toBe('abcdef');
});

it('should hold nothing of one that is too long, fails or is called off', async () => {
  const [long, broken, off] = [source(), source(), source()];
  const all = [long, broken, off].map(({ stream }) => new Collected(stream, 6));
  for (const { write } of [long, broken, off]) write('abc');
  await settled();
  long.write('defg');
  broken.controller?.error(new Error('broken'));
  all[2]?.cancel();
  await Promise.all(all.map(({ ended }) => ended));
  expect(all.map(text)).toEqual([undefined, undefined, undefined]);
});
