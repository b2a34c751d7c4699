import type { LogSink } from '../lab/trace/log-sink.ts';
import { type LoggedRequest, type Mapping, requestReader } from '../lab/trace/request.ts';
import { holdsOf } from '../lab/workload/hold.ts';
import type { PolicyDocument } from '../policy/document.ts';
import { fitOptions } from './fields.ts';
import type { Io } from './io.ts';
import { readLogFile } from './log-file.ts';
import { mappingFor, type ReplaySettings } from './replay-options.ts';
import { TRACE_SEED } from './trace.ts';
import type { Holding } from './traffic.ts';
import { UnreadableLines } from './unreadable-lines.ts';

/** The requests of a log, and the lines that are none. */
export interface Logged {
  /** In time order, those of the same instant in file order; with the length of their work, if there is to be one. */
  readonly requests: readonly LoggedRequest[];
  readonly unreadable: UnreadableLines;
}

/**
 * Reads a log for one or more policies.
 *
 * @throws Failure if it cannot be read, or (exit code 2) if an option does not go with the log or a policy
 */
export async function readRequests(
  file: string,
  settings: ReplaySettings,
  policies: readonly PolicyDocument[],
  io: Io,
): Promise<Logged> {
  const mapping = mappingFor(settings, policies);
  const requests: LoggedRequest[] = [];
  const unreadable = new UnreadableLines();
  await readLogFile(file, settings.format, collect(requests, unreadable, mapping), io);
  requests.sort((a, b) => a.at - b.at);
  return { requests: withHolds(requests, settings.hold), unreadable };
}

/** Takes the requests of a log that can be read, and notes the lines that cannot. */
function collect(requests: LoggedRequest[], unreadable: UnreadableLines, mapping: Mapping): LogSink {
  let toRequest = requestReader(mapping);
  return {
    columns: (names) => {
      toRequest = requestReader(fitOptions(mapping, names));
    },
    line: (number, field) => {
      const request = toRequest(number, field);
      if (typeof request === 'string') unreadable.add(number, request);
      else requests.push(request);
    },
    unreadable: (number, reason) => unreadable.add(number, reason),
  };
}

/** The requests, whose work holds permits where that is drawn: as `headgate compare` draws for them. */
function withHolds(requests: readonly LoggedRequest[], hold: Holding | undefined): readonly LoggedRequest[] {
  if (hold === undefined || !('draw' in hold)) return requests;
  const { draw, source } = holdsOf(hold.draw);
  const random = source(TRACE_SEED);
  return requests.map((request) => ({ ...request, hold: draw(random) }));
}
