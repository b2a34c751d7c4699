/** What a finding is about; `docs/lint.md` has a section for each code. */
export type FindingCode =
  | 'address-without-account'
  | 'loose-tier'
  | 'never-binding-limit'
  | 'oversized-burst'
  | 'shadowed-pattern'
  | 'unlimited-group'
  | 'unmatched-allowed'
  | 'unreachable-method'
  | 'unreachable-pattern'
  | 'unused-limit'
  | 'unused-tier';

/** One thing in a sound policy that is likely not meant. */
export interface Finding {
  /** Stable, machine-readable kind of the finding. */
  readonly code: FindingCode;
  /** Where it is, as a dotted path: `groups.read.match.0`. */
  readonly path: string;
  /** What is so, and what comes of it, in sentences. */
  readonly message: string;
  /** What would mend it, in sentences. */
  readonly remedy: string;
}

/** Findings by path, numbers in it by value; those of one path by code, then as they were found. */
export function sortFindings(findings: Iterable<Finding>): Finding[] {
  return [...findings].sort((a, b) => comparePaths(a.path, b.path) || compareTexts(a.code, b.code));
}

function comparePaths(a: string, b: string): number {
  const [left, right] = [a.split('.'), b.split('.')];
  for (const [i, step] of left.entries()) {
    const other = right[i];
    if (other === undefined) return 1;
    const order = isIndex(step) && isIndex(other) ? Number(step) - Number(other) : compareTexts(step, other);
    if (order !== 0) return order;
  }
  return left.length - right.length;
}

function isIndex(step: string): boolean {
  return /^\d+$/.test(step);
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
