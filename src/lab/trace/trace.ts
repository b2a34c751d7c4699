/**
 * Traces: real traffic, read from a log as it comes.
 *
 * @module
 */

import { Heap, type Timed } from '../../concurrency/heap.ts';
import { checkFields } from '../../errors.ts';
import { type Duration, type Millis, parseDuration } from '../../time.ts';
import type { Arrival } from '../arrival.ts';
import { guessFormat, type LogFormat, logReader } from './log.ts';
import { fitMapping, type LoggedRequest, type Mapping, requestReader } from './request.ts';

/** Options of {@link readTrace}. */
export interface TraceOptions {
  /** How the log is written; default: told by its name and first line. */
  readonly format?: LogFormat;
  /** Name of the log, whose extension tells the format; default none. */
  readonly name?: string;
  /** Which columns hold what; default: the instant in `time`, nobody's budget but one for all, cost 1. */
  readonly mapping?: Partial<Mapping>;
  /** How much later than others a line may stand in the log; lines that are later still count as if asked then. Default `"2m"`. */
  readonly lateness?: Duration;
  /** Told of each line that cannot be read. */
  readonly unreadable?: (line: number, reason: string) => void;
}

/** One request that waits for those that may still come before it. */
class Logged implements Timed {
  index = -1;
  turn = 0;
  readonly at: Millis;
  readonly arrival: Arrival;

  constructor(arrival: Arrival) {
    this.at = arrival.at;
    this.arrival = arrival;
  }
}

/**
 * The arrivals of a log, in time order. Its key is what the partition fields hold; its cost is that of the only unit
 * named, else 1; its descriptor is what a policy is asked. Never more is kept than a piece of the text and the requests
 * of the last two minutes.
 *
 * @param pieces - its text, cut anywhere
 * @throws PolicyError (`bad-column`) if the log lacks a column; DescriptorError (`bad-header`)
 */
export async function* readTrace(
  pieces: AsyncIterable<string>,
  options: TraceOptions = {},
): AsyncGenerator<Arrival> {
  checkFields(options, ['format', 'name', 'mapping', 'lateness', 'unreadable']);
  const { format, name = '', unreadable = () => undefined } = options;
  const lateness = parseDuration(options.lateness ?? '2m', 'lateness');
  let mapping: Mapping = { at: 'time', partition: new Map(), cost: new Map(), ...options.mapping };
  let toRequest = requestReader(mapping);
  const toArrival = arrivalReader(mapping);
  const waiting = new Heap<Logged>();
  let newest = 0;
  const reader = logReader((firstLine) => format ?? guessFormat(name, firstLine), {
    columns: (names) => {
      mapping = fitMapping(mapping, names);
      toRequest = requestReader(mapping);
    },
    line: (number, field) => {
      const request = toRequest(number, field);
      if (typeof request === 'string') return unreadable(number, request);
      newest = Math.max(newest, request.at);
      waiting.add(new Logged(toArrival(request)));
    },
    unreadable,
  });
  let last = 0;
  const due = function* (until: Millis): Iterable<Arrival> {
    for (let first = waiting.earliest; first !== undefined && first.at <= until; first = waiting.earliest) {
      waiting.remove(first);
      last = Math.max(last, first.at);
      yield last === first.at ? first.arrival : { ...first.arrival, at: last };
    }
  };
  for await (const piece of pieces) {
    reader.feed(piece);
    yield* due(newest - lateness);
  }
  reader.end();
  yield* due(Number.POSITIVE_INFINITY);
}

/** Whose budget everybody takes from where the mapping names no partition. */
const EVERYBODY = 'everybody';

/** Makes what turns a request of a log into an arrival, see {@link readTrace}. */
export function arrivalReader({ partition, cost }: Mapping): (request: LoggedRequest) => Arrival {
  const fields = [...partition.keys()];
  const [unit, ...others] = cost.keys();
  const counted = others.length === 0 ? unit : undefined;
  return ({ at, descriptor, hold }) => {
    const key = fields.map((field) => String(descriptor[field] ?? '-')).join(' ');
    const units = counted === undefined ? 1 : (descriptor.cost?.[counted] ?? 1);
    const arrival = { at, key: key === '' ? EVERYBODY : key, cost: units, descriptor };
    return hold === undefined ? arrival : { ...arrival, hold };
  };
}
