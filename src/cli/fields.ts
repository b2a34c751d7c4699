/**
 * The options that say which columns of a log hold what.
 *
 * @module
 */

import { isHeadgateError, show, suggest } from '../errors.ts';
import { LOG_FORMATS, type LogFormat } from '../lab/trace/log.ts';
import { fitMapping, type Mapping } from '../lab/trace/request.ts';
import { FIELD_FORM, isField } from '../policy/name.ts';
import { misuse } from './io.ts';

/**
 * Reads `--partition` arguments: `ip=address`, several separated by commas; `account` means `account=account`.
 *
 * @throws Failure (exit code 2)
 */
export function readPartition(texts: readonly string[]): Map<string, string> {
  const partition = new Map<string, string>();
  for (const text of texts.flatMap((list) => list.split(','))) {
    const [field = '', column = field, ...more] = text.split('=').map((part) => part.trim());
    if (column === '' || more.length > 0) {
      throw misuse(`--partition takes FIELD=COLUMN, not ${show(text)}`);
    }
    if (!isField(field)) throw misuse(`--partition: ${show(field)} is not ${FIELD_FORM}`);
    if (partition.has(field)) throw misuse(`--partition names ${show(field)} twice`);
    partition.set(field, column);
  }
  return partition;
}

/**
 * Reads `--cost` arguments: `tokens=prompt+completion`.
 *
 * @throws Failure (exit code 2)
 */
export function readCosts(texts: readonly string[]): Map<string, readonly string[]> {
  const costs = new Map<string, readonly string[]>();
  for (const text of texts) {
    const [unit = '', sum = '', ...more] = text.split('=').map((part) => part.trim());
    const columns = sum.split('+').map((column) => column.trim());
    if (unit === '' || columns.includes('') || more.length > 0) {
      throw misuse(`--cost takes UNIT=COLUMN or UNIT=COLUMN+COLUMN, not ${show(text)}`);
    }
    if (costs.has(unit)) throw misuse(`--cost names ${show(unit)} twice`);
    costs.set(unit, columns);
  }
  return costs;
}

/**
 * Reads `--format`.
 *
 * @throws Failure (exit code 2)
 */
export function readFormat(text: string | undefined): LogFormat | undefined {
  const format = LOG_FORMATS.find((name) => name === text);
  if (format !== text) throw misuse(`--format: unknown format ${show(text)}${suggest(text, LOG_FORMATS)}`);
  return format;
}

/**
 * The mapping for a log whose lines all have the same columns, see {@link fitMapping}.
 *
 * @throws Failure (exit code 2) naming the option whose column is not there, or the group that is not known
 */
export function fitOptions(mapping: Mapping, columns: readonly string[]): Mapping {
  const fitted = fitColumns(mapping, columns);
  if (columns.includes('path') || mapping.group !== undefined || mapping.pathlessGroup !== undefined)
    return fitted;
  throw misuse('the log has no column "path" to find the group by; name the group with --group NAME');
}

/** The same where nobody asks for a group. */
function fitColumns(mapping: Mapping, columns: readonly string[]): Mapping {
  try {
    return fitMapping(mapping, columns);
  } catch (error) {
    if (!isHeadgateError(error, 'PolicyError')) throw error;
    throw misuse(`--${error.path}: ${error.faults[0]?.message}`);
  }
}
