/**
 * Bytes in a fixed order, whatever machine writes or reads them.
 *
 * @module
 */

/** Writes numbers and text one after the other. */
export class ByteWriter {
  #view = new DataView(new ArrayBuffer(1024));
  #length = 0;

  uint32(value: number): void {
    const at = this.#grow(4);
    this.#view.setUint32(at, value, true);
  }

  float64(value: number): void {
    const at = this.#grow(8);
    this.#view.setFloat64(at, value, true);
  }

  floats(values: Float64Array): void {
    this.uint32(values.length);
    const at = this.#grow(8 * values.length);
    for (let i = 0; i < values.length; i++) this.#view.setFloat64(at + 8 * i, values[i] as number, true);
  }

  /** UTF-16 units, one byte each where they all fit: keys may hold lone surrogates, which UTF-8 would lose. */
  text(text: string): void {
    const isWide = /[^\0-\xff]/.test(text);
    this.uint32(2 * text.length + (isWide ? 1 : 0));
    const size = isWide ? 2 : 1;
    const at = this.#grow(size * text.length);
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      if (isWide) this.#view.setUint16(at + 2 * i, unit, true);
      else this.#view.setUint8(at + i, unit);
    }
  }

  /** All that was written, and the checksum of it. */
  sealed(): Uint8Array<ArrayBuffer> {
    this.uint32(checksum(new Uint8Array(this.#view.buffer, 0, this.#length)));
    return new Uint8Array(this.#view.buffer.slice(0, this.#length));
  }

  /** Makes room, and returns where. */
  #grow(bytes: number): number {
    const at = this.#length;
    this.#length += bytes;
    if (this.#length > this.#view.byteLength) {
      const larger = new Uint8Array(Math.max(this.#length, 2 * this.#view.byteLength));
      larger.set(new Uint8Array(this.#view.buffer, 0, at));
      this.#view = new DataView(larger.buffer);
    }
    return at;
  }
}

/** Reads what a {@link ByteWriter} has written; past the end, or nonsense, is a RangeError. */
export class ByteReader {
  readonly #view: DataView;
  #at = 0;

  /** @param bytes - without the checksum */
  constructor(bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get isAtEnd(): boolean {
    return this.#at === this.#view.byteLength;
  }

  uint32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  float64(): number {
    return this.#view.getFloat64(this.#take(8), true);
  }

  floats(): Float64Array {
    const length = this.uint32();
    const at = this.#take(8 * length);
    const values = new Float64Array(length);
    for (let i = 0; i < length; i++) values[i] = this.#view.getFloat64(at + 8 * i, true);
    return values;
  }

  text(): string {
    const head = this.uint32();
    const isWide = head % 2 === 1;
    const length = (head - (isWide ? 1 : 0)) / 2;
    const at = this.#take(length * (isWide ? 2 : 1));
    const parts: string[] = [];
    for (let from = 0; from < length; from += PART) {
      const units = Array.from({ length: Math.min(PART, length - from) }, (_, i) =>
        isWide ? this.#view.getUint16(at + 2 * (from + i), true) : this.#view.getUint8(at + from + i),
      );
      parts.push(String.fromCharCode(...units));
    }
    return parts.join('');
  }

  #take(bytes: number): number {
    const at = this.#at;
    this.#at += bytes;
    if (this.#at > this.#view.byteLength) throw new RangeError('past the end');
    return at;
  }
}

/** How many units are made into text at once: a call takes only so many arguments. */
const PART = 4096;

/** CRC-32 (ISO 3309, reflected, polynomial 0x04c11db7), byte by byte from a table that is made when first needed. */
export function checksum(bytes: Uint8Array): number {
  table ??= Uint32Array.from({ length: 256 }, (_, byte) => {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (0xedb88320 & -(crc & 1));
    return crc;
  });
  let crc = -1;
  for (let i = 0; i < bytes.length; i++) {
    crc = (crc >>> 8) ^ (table[(crc ^ (bytes[i] as number)) & 0xff] as number);
  }
  return ~crc >>> 0;
}

let table: Uint32Array | undefined;
