/**
 * The traffic that a command line names: a workload or a log, and how its clients behave.
 *
 * @module
 */

import { isHeadgateError, show, suggest } from '../errors.ts';
import type { Workload } from '../lab/arrival.ts';
import { honouring, ignoring } from '../lab/clients.ts';
import type { Terms } from '../lab/contender.ts';
import type { HoldColumn } from '../lab/trace/request.ts';
import { type Fit, WORKLOADS } from '../lab/workload/catalogue.ts';
import { exponentialHold, type Hold, holding } from '../lab/workload/hold.ts';
import { type Duration, parseDuration, readDuration } from '../time.ts';
import { Failure, misuse } from './io.ts';

/** The options that say what a workload is like. */
export interface TrafficValues {
  readonly workload?: string | undefined;
  readonly rate?: string | undefined;
  readonly length?: string | undefined;
  readonly keys?: string | undefined;
  readonly seed?: string | undefined;
}

/**
 * The workload of this name, cut to fit a limit.
 *
 * @throws Failure (exit code 2)
 */
export function workloadOf(values: TrafficValues, terms: Terms | undefined): Workload {
  const names = Object.keys(WORKLOADS);
  if (values.workload === undefined) throw misuse('--workload or --trace is missing');
  const make = Object.hasOwn(WORKLOADS, values.workload) ? WORKLOADS[values.workload] : undefined;
  if (make === undefined)
    throw misuse(`--workload: unknown workload ${show(values.workload)}${suggest(values.workload, names)}`);
  if (terms === undefined) throw misuse('--quota and --window are missing: a workload is cut to fit them');
  const fit: Fit = {
    ...terms,
    seed: numberOf('seed', values.seed ?? '1'),
    ...(values.rate === undefined ? {} : { rate: numberOf('rate', values.rate) }),
    ...(values.length === undefined ? {} : { length: durationOf('length', values.length) }),
    ...(values.keys === undefined ? {} : { keys: numberOf('keys', values.keys) }),
  };
  try {
    return make(fit);
  } catch (error) {
    return asMisuse(error);
  }
}

/**
 * The same traffic with clients that react as told, where that is said.
 *
 * @throws Failure (exit code 2)
 */
export function withClients(workload: Workload, retries: string | undefined): Workload {
  const { clients, ...rest } = workload;
  const next = clients?.next === undefined ? {} : { next: clients.next };
  switch (retries) {
    case undefined:
      return workload;
    case 'none':
      return clients?.next === undefined ? rest : { ...rest, clients: { retryAt: () => undefined, ...next } };
    case 'honour':
      return { ...rest, clients: { ...honouring(), ...next } };
    case 'ignore':
      return { ...rest, clients: { ...ignoring(), ...next } };
    default:
      throw misuse(`--retries takes honour, ignore or none, not ${show(retries)}`);
  }
}

/** How long work holds permits: drawn for each request, or told by a column of the log. */
export type Holding = { readonly draw: Hold } | { readonly column: HoldColumn };

/**
 * Reads `--hold`: `3s` is the same for all, `~3s` drawn, anything else a column, `column:s` one of seconds.
 *
 * @throws Failure (exit code 2)
 */
export function readHold(text: string | undefined): Holding | undefined {
  if (text === undefined) return undefined;
  if (text.startsWith('~')) return { draw: exponentialHold(durationOf('hold', text.slice(1)) as Duration) };
  if (readDuration(text) !== undefined) return { draw: text as Duration };
  const [, column = text, unit = 'ms'] = /^(.+):(s|ms)$/.exec(text) ?? [];
  if (column === '') throw misuse('--hold takes a length of time such as 3s or ~3s, or a column of the log');
  return { column: { column, unit: unit as HoldColumn['unit'] } };
}

/** The same traffic, whose work holds permits where that is drawn. */
export function withHold(workload: Workload, hold: Holding | undefined): Workload {
  return hold !== undefined && 'draw' in hold ? holding(workload, hold.draw) : workload;
}

/** @throws Failure (exit code 2) */
function numberOf(option: string, text: string): number {
  if (/^\d{1,16}(\.\d{1,9})?$/.test(text)) return Number(text);
  throw misuse(`--${option} takes a number, not ${show(text)}`);
}

/** @throws Failure (exit code 2) */
export function wholeNumberOf(option: string, text: string): number {
  const number = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(number)) return number;
  throw misuse(`--${option} takes a whole number up to ${Number.MAX_SAFE_INTEGER}, not ${show(text)}`);
}

/** @throws Failure (exit code 2) */
export function durationOf(option: string, text: string): number {
  try {
    return parseDuration(text as Duration, option);
  } catch (error) {
    return asMisuse(error);
  }
}

/** A wrong option of the lab is a wrong option of the command. */
export function asMisuse(error: unknown): never {
  if (!isHeadgateError(error, 'PolicyError')) throw error;
  const [, contender] = /^algorithms\.(.*)$/s.exec(error.path) ?? [];
  if (contender !== undefined) throw new Failure(`${contender}: ${error.faults[0]?.message}`);
  const option = error.path.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  throw misuse(`--${option}: ${error.faults[0]?.message}`);
}
