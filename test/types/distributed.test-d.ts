/** What a distributed engine infers. Nothing here runs; it compiles, or the check of types fails. */

import {
  createEngine,
  definePolicy,
  type Explanation,
  type PolicyDocument,
  type ReloadReport,
} from 'headgate';
import {
  createDistributedEngine,
  type DecisionSource,
  type DistributedEngine,
  type DistributedStats,
  type Store,
} from 'headgate/distributed';
import { type Instrumented, instrument } from 'headgate/opentelemetry';

declare const store: Store;
const policy = definePolicy({
  version: 1,
  limits: { reads: { algorithm: 'fixed-window', quota: 3, window: '1m', per: 'apiKey' } },
  groups: { all: { match: ['* /**'], limits: ['reads'] } },
  unmatched: 'deny',
});
const engine = createDistributedEngine(policy, { store });

const report: ReloadReport = engine.reload(policy, { carry: { reads: 'keep' } });
engine.reload(policy as PolicyDocument, { carry: 'keep' });
// @ts-expect-error no limit is called so
engine.reload(policy, { carry: { raeds: 'keep' } });
// @ts-expect-error nor is that a way to carry
engine.reload(policy, { carry: 'convert' });
report.usage;

const stats: DistributedStats = engine.stats();
stats.sources.fallback.toFixed();
// @ts-expect-error what is kept is in the store
stats.partitions;

const story: Promise<Explanation & { source: DecisionSource }> = engine.explain({
  group: 'all',
  apiKey: 'k',
});
// @ts-expect-error no limit is per `apiKye`
engine.explain({ group: 'all', apiKye: 'k' });
story.then(({ limits }) => limits[0]?.used);

const stop: () => void = engine.on('denied', ({ decision }) => decision.source);
engine.on('store', ({ type, error }) => [type, error?.code]);
engine.on('granted', ({ admission, waited }) => admission.release().then(() => waited));
// @ts-expect-error what one process evicts is nothing of the store's
engine.on('evicted', () => undefined);
stop();
engine.dispose();

// Metrics take either engine, for whichever policy.
instrument(engine);
instrument(createEngine(policy));
const either: Instrumented[] = [engine, createEngine(policy as PolicyDocument)];
instrument(either[0] as DistributedEngine<typeof policy>);
