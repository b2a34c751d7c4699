/**
 * The laboratory: workloads and traces in, the truth about each limiter out. Start with {@link compare}.
 *
 * @module headgate/lab
 */

export type { Arrival, Clients, Denied, Workload } from './arrival.ts';
export { type HonouringOptions, honouring, type IgnoringOptions, ignoring } from './clients.ts';
export { type CompareOptions, type Comparison, compare } from './compare.ts';
export type { Contender, Custom, Setting, Subject, Verdict } from './contender.ts';
export { exactLog } from './exact-limiter.ts';
export type { Figures, TimelineFigures } from './figures.ts';
export type { Peak } from './measure/oracle.ts';
export type { PermitFigures } from './measure/permits.ts';
export type { DeniedKey } from './measure/shares.ts';
export type { WaitFigures } from './measure/waits.ts';
export type { Random } from './random.ts';
export { htmlReport, type ReportOptions } from './report/report.ts';
export type { LogFormat } from './trace/log.ts';
export type { HoldColumn, Mapping } from './trace/request.ts';
export { readTrace, type TraceOptions } from './trace/trace.ts';
export {
  type BoundaryAttackOptions,
  boundaryAttack,
  type KeyFloodOptions,
  keyFlood,
} from './workload/attack.ts';
export { type Fit, WORKLOADS } from './workload/catalogue.ts';
export {
  type ClosedLoopOptions,
  closedLoop,
  type RetryStormOptions,
  retryStorm,
} from './workload/crowd.ts';
export { exponentialHold, type Hold, holding } from './workload/hold.ts';
export { type Keys, uniformKeys, zipfKeys } from './workload/keys.ts';
export {
  constant,
  type DiurnalOptions,
  diurnal,
  type FlashCrowdOptions,
  flashCrowd,
  type OnOffOptions,
  onOff,
  type PaceOptions,
  poisson,
  type ZipfOptions,
  zipf,
} from './workload/pace.ts';
