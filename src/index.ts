/**
 * headgate: an embeddable limiter engine. Start with {@link createEngine} for a whole policy, or {@link createLimiter}
 * for one limit.
 *
 * @module headgate
 */

export type { Algorithm, Plan, RateOptions } from './algorithms/algorithm.ts';
export {
  type Anchor,
  type FixedWindowOptions,
  type FixedWindowPlan,
  fixedWindow,
} from './algorithms/fixed-window.ts';
export type { PlanBuilder, PlanOptions } from './algorithms/index.ts';
export {
  type SlidingWindowOptions,
  type SlidingWindowPlan,
  slidingWindow,
} from './algorithms/sliding-window.ts';
export { type TokenBucketOptions, type TokenBucketPlan, tokenBucket } from './algorithms/token-bucket.ts';
export { type ActualCost, type Admission, LeaseError } from './concurrency/admission.ts';
export type { AcquireOptions } from './concurrency/gate.ts';
export type { LeaseCounts } from './concurrency/leases.ts';
export type { PermitCounts } from './concurrency/permits.ts';
export {
  createSemaphore,
  type PermitOptions,
  type QueueOptions,
  type Semaphore,
  type SemaphoreOptions,
  type SemaphoreStats,
} from './concurrency/semaphore.ts';
export type { QueueOrder } from './concurrency/wait-queue.ts';
export type { AnyEngine, EngineAdmission } from './engine/any-engine.ts';
export type {
  Engine,
  EngineCheckOptions,
  EngineOptions,
  EngineStats,
  ReloadOptions,
  ShadowStats,
} from './engine/contract.ts';
export { createEngine } from './engine/engine.ts';
export type {
  DecisionEvent,
  EngineEvents,
  EventListener,
  EventName,
  EvictedEvent,
  GrantedEvent,
  HeldPermits,
  LeaseEvent,
  ListenerErrorEvent,
  NearLimitEvent,
  QueuedEvent,
  ReloadedEvent,
  ShadowVerdict,
} from './engine/events.ts';
export type { Explanation, LimitExplanation } from './engine/explain.ts';
export { type RestoreReport, SnapshotError } from './engine/snapshot.ts';
export {
  CostError,
  DescriptorError,
  type ErrorsByName,
  type Fault,
  HeadgateError,
  type HeadgateErrorName,
  isHeadgateError,
  PolicyError,
  StoreError,
} from './errors.ts';
export {
  type ApiKeyInput,
  type ApiKeyOptions,
  apiKeyFrom,
  apiKeyHashFrom,
  type HeaderSource,
} from './http/api-key.ts';
export { type ClientAddressInput, type ClientAddressOptions, clientAddress } from './http/client-address.ts';
export { type DenialOptions, type DenialResponse, denialResponse } from './http/denial.ts';
export { type HeaderOptions, rateLimitHeaders } from './http/headers.ts';
export type { Decision, LimitDecision, Reason } from './limiter/decision.ts';
export { DeniedError } from './limiter/denied-error.ts';
export {
  type CheckOptions,
  createLimiter,
  type Limiter,
  type LimiterOptions,
  type LimiterStats,
} from './limiter/limiter.ts';
export type { StateOptions } from './limiter/state-options.ts';
export type { BlockFor, BlockOptions, BlockUntil } from './partition/blocks.ts';
export type { TableStats } from './partition/table.ts';
export type { Carry, Fate, UsageReport } from './policy/carry.ts';
export { definePolicy, type Policy } from './policy/define.ts';
export type {
  Descriptor,
  FieldName,
  GroupName,
  LimitName,
  Partition,
  TierName,
} from './policy/descriptor.ts';
export type { FieldChange, MatchChange, NameChanges, PolicyDiff, ReloadReport } from './policy/diff.ts';
export type {
  BurstGrant,
  CandidateDocument,
  ConcurrencyDocument,
  CustomLimitDocument,
  DenialDocument,
  DenialTemplate,
  FixedWindowDocument,
  GrantDocument,
  GroupDocument,
  HeaderDialect,
  Json,
  LimitDocument,
  OverrideDocument,
  Per,
  PolicyDocument,
  PrefetchDocument,
  QuotaDocument,
  SlidingWindowDocument,
  TierDocument,
  TokenBucketDocument,
} from './policy/document.ts';
export type { GrantSource } from './policy/grants.ts';
export { parsePolicy } from './policy/parse.ts';
export type { Algorithms } from './policy/plans.ts';
export {
  type Clock,
  type Duration,
  type ManualClock,
  type Millis,
  manualClock,
  parseDuration,
  systemClock,
} from './time.ts';
