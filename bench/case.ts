/** What the cases, which are data, are made of. */

export type Algorithm = 'fixed-window' | 'sliding-window' | 'token-bucket';

/** What a contender is set up for, and how it is asked. Each program and contender reads the fields that it needs. */
export interface Setting {
  readonly algorithm: Algorithm;
  /** Units per window. */
  readonly quota: number;
  readonly windowMs: number;
  /** Whether `now` is given to those who take it, or everyone reads a clock. */
  readonly clock: 'own' | 'given';
  /** How many keys there are. */
  readonly keys: number;
  /** How keys are drawn. */
  readonly draw: 'uniform' | 'zipf';
  /** Whether a key is the same string object each time, its hash known, or a new one as a request would bring it. */
  readonly strings: 'pooled' | 'fresh';
  /** Keys that a bounded contender may keep. */
  readonly maxKeys: number;
  /** Limits of the policy, and whether they are per one field or each per a field of its own. */
  readonly limits: number;
  readonly partitions: 'one' | 'each';
  /** Whether the caller reads every limit's own result, or only the decision's. */
  readonly reads: 'decision' | 'limits';
  /** Patterns of the policy, 0: the caller names the group; and how many different paths are asked for. */
  readonly patterns: number;
  readonly paths: number;
  /** Waiters, for semaphores. */
  readonly waiters: number;
  /** How long to warm up and to measure. */
  readonly warmMs: number;
  readonly measureMs: number;
}

export const SETTING: Setting = {
  algorithm: 'fixed-window',
  quota: 1_000_000_000,
  windowMs: 3_600_000,
  clock: 'own',
  keys: 1000,
  draw: 'uniform',
  strings: 'pooled',
  maxKeys: 1000,
  limits: 1,
  partitions: 'one',
  reads: 'decision',
  patterns: 0,
  paths: 0,
  waiters: 0,
  warmMs: 200,
  measureMs: 300,
};

export type ProgramName =
  | 'correct'
  | 'decide'
  | 'memory'
  | 'garbage'
  | 'pause'
  | 'full-collection'
  | 'churn'
  | 'churn-memory'
  | 'semaphore-correct'
  | 'uncontended'
  | 'uncontended-sync'
  | 'waiters'
  | 'leave';

/** One contender of a case: it runs a program in a process of its own. */
export interface Entry {
  /** Column of the table. */
  readonly name: string;
  readonly contender: string;
  readonly program: ProgramName;
  readonly setting: Partial<Setting>;
}

/** What is compared: the entries of one case are run one after the other in every round. */
export interface Case {
  /** `group/...`: what `--only` looks for. */
  readonly id: string;
  readonly table: string;
  readonly row: string;
  readonly unit: string;
  /** The entry that ratios are of, reference divided by entry; one that is not there: no ratios. */
  readonly reference: string;
  readonly entries: readonly Entry[];
  /** Rounds of a full run. */
  readonly rounds: number;
}

/** What a program prints: one number, or why there is none. */
export interface Result {
  readonly value?: number;
  readonly checksum?: number;
  readonly fault?: string;
}

/** A case once it has been run. */
export interface CaseResult {
  readonly id: string;
  readonly table: string;
  readonly row: string;
  readonly unit: string;
  readonly reference: string;
  readonly date: string;
  /** One value for each round, by entry; `null`: none in that round. */
  readonly values: Readonly<Record<string, readonly (number | null)[]>>;
  /** Why an entry has no values. */
  readonly faults: Readonly<Record<string, string>>;
  /** Remarks for the table. */
  readonly notes?: readonly string[];
}
