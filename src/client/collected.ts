/** A stream that is read into memory, up to a bound, while others go on. */
export class Collected {
  /** All that was in it, once it has ended; `undefined` before, and for ever if it is longer than allowed or has failed. */
  bytes: Uint8Array<ArrayBuffer> | undefined;
  /** Resolves when nothing more is read. */
  readonly ended: Promise<void>;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #most: number;
  #isCancelled = false;

  /** @param most - bytes that are kept at most */
  constructor(stream: ReadableStream<Uint8Array>, most: number) {
    this.#reader = stream.getReader();
    this.#most = most;
    this.ended = this.#collect().catch(() => undefined);
  }

  /** Reads no further. */
  cancel(): void {
    this.#isCancelled = true;
    this.#reader.cancel().catch(() => undefined);
  }

  async #collect(): Promise<void> {
    const chunks: Uint8Array[] = [];
    let length = 0;
    for (;;) {
      const { done, value } = await this.#reader.read();
      if (this.#isCancelled) return;
      if (done) break;
      chunks.push(value);
      length += value.byteLength;
      if (length > this.#most) return this.cancel();
    }
    const bytes = new Uint8Array(length);
    let at = 0;
    for (const chunk of chunks) {
      bytes.set(chunk, at);
      at += chunk.byteLength;
    }
    this.bytes = bytes;
  }
}
