/** The comparison: who is compared by what. */

import type { Table } from './cell.ts';
import { INSTALLED } from './installed.ts';
import { PEERS } from './packages.ts';
import { PERMITS } from './permits.ts';
import { RATES } from './rates.ts';
import { STORES } from './stores.ts';
import { TOGETHER } from './together.ts';

const RATE_PEERS = PEERS.slice(0, 6);
const PERMIT_PEERS = PEERS.slice(6);

export const TABLES: readonly Table[] = [
  { title: 'Rates', columns: ['headgate', ...RATE_PEERS], rows: RATES },
  { title: 'Limits together', columns: ['headgate', ...RATE_PEERS], rows: TOGETHER },
  { title: 'Stores and HTTP', columns: ['headgate', ...RATE_PEERS], rows: STORES },
  { title: 'Work in progress', columns: ['headgate', ...PERMIT_PEERS], rows: PERMITS },
  { title: 'The packages', columns: ['headgate', ...PEERS], rows: INSTALLED },
];
