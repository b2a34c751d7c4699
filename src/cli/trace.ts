import type { Workload } from '../lab/arrival.ts';
import type { LogFormat } from '../lab/trace/log.ts';
import type { LoggedRequest, Mapping } from '../lab/trace/request.ts';
import { arrivalReader, readTrace } from '../lab/trace/trace.ts';
import type { Io } from './io.ts';
import { logFailure, piecesOf, plainName } from './log-file.ts';
import type { UnreadableLines } from './unreadable-lines.ts';

/** Where lengths of work are drawn from. */
export const TRACE_SEED = 0;

/** How a log is to be read. */
interface TraceFile {
  readonly format: LogFormat | undefined;
  readonly mapping: Mapping;
  readonly unreadable: UnreadableLines;
  readonly io: Io;
}

/** A log as a workload: read from the file each time, never all at once. */
export function traceOf(file: string, { format, mapping, unreadable, io }: TraceFile): Workload {
  return {
    name: 'trace',
    description: file,
    seed: TRACE_SEED,
    async *arrivals() {
      try {
        yield* readTrace(piecesOf(file, io), {
          name: plainName(file),
          mapping,
          unreadable: (line, reason) => unreadable.add(line, reason),
          ...(format === undefined ? {} : { format }),
        });
      } catch (error) {
        throw logFailure(error, file);
      }
    },
  };
}

/** The requests of a log, once they have been read and put in time order, as a workload. */
export function loggedWorkload(file: string, requests: readonly LoggedRequest[], mapping: Mapping): Workload {
  const toArrival = arrivalReader(mapping);
  return { name: 'trace', description: file, seed: TRACE_SEED, arrivals: () => requests.map(toArrival) };
}
