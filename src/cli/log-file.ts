import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
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
    await readLog(piecesOf(file, io), (firstLine) => format ?? guessFormat(file, firstLine), sink);
  } catch (error) {
    if (isHeadgateError(error, 'DescriptorError')) throw new Failure(`${file}: ${error.message}`);
    throw fileFailure(error, file);
  }
}

/** The text of a file; somebody who watches is told how far a long one has been read. */
export async function* piecesOf(file: string, io: Io): AsyncGenerator<string> {
  const { size } = await stat(file);
  const stream = createReadStream(file, 'utf8');
  const isShown = io.isTTY && size > LONG_FILE;
  let shown = -1;
  for await (const piece of stream) {
    const percent = Math.floor((100 * stream.bytesRead) / size);
    if (isShown && percent > shown) io.stderr(`\rreading ${percent} %`);
    shown = percent;
    yield String(piece);
  }
  if (isShown) io.stderr('\r\x1b[K');
}
