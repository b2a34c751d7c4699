import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { isHeadgateError } from '../errors.ts';
import { guessFormat, type LogFormat, readLog } from '../lab/trace/log.ts';
import type { LogSink } from '../lab/trace/log-sink.ts';
import { Failure, fileFailure, type Io } from './io.ts';

/** Longer files show how far the reading has come. In bytes. */
const LONG_FILE = 10_000_000;

/**
 * Reads a log file, or a pipe, to its end, never more than a line and a piece at a time.
 *
 * @param format - default: what the name or the first line shows
 * @throws Failure if it cannot be read
 */
export async function readLogFile(
  file: string,
  format: LogFormat | undefined,
  sink: LogSink,
  io: Io,
): Promise<void> {
  try {
    await readLog(piecesOf(file, io), (firstLine) => format ?? guessFormat(plainName(file), firstLine), sink);
  } catch (error) {
    throw logFailure(error, file);
  }
}

/** Why a log cannot be read; what is no fault of the log is thrown on. */
export function logFailure(error: unknown, file: string): Failure {
  if (isHeadgateError(error, 'DescriptorError')) return new Failure(`${file}: ${error.message}`);
  if (error instanceof Error && 'code' in error && String(error.code).startsWith('Z_'))
    return new Failure(`${file}: cannot be unpacked: ${error.message}`);
  return fileFailure(error, file);
}

/** The name that a log has unpacked. */
export function plainName(file: string): string {
  return file.replace(/\.gz$/i, '');
}

/** The text of a file, unpacked if its name ends in `.gz`, or of standard input, `-`; somebody who watches is told how far a long one has been read. */
export async function* piecesOf(file: string, io: Io): AsyncGenerator<string> {
  const isInput = file === '-';
  const size = isInput ? 0 : (await stat(file)).size;
  const stream = createReadStream(file, isInput ? { fd: 0, autoClose: false } : {});
  const isPacked = plainName(file) !== file;
  // What fails in it is thrown by whoever reads its end.
  const text = isPacked ? pipeline(stream, createGunzip(), () => undefined) : stream;
  text.setEncoding('utf8');
  const isShown = io.isTTY && size > LONG_FILE;
  let shown = -1;
  for await (const piece of text) {
    const percent = Math.floor((100 * stream.bytesRead) / size);
    if (isShown && percent > shown) io.stderr(`\rreading ${percent} %`);
    shown = percent;
    yield String(piece);
  }
  if (isShown) io.stderr('\r\x1b[K');
}
