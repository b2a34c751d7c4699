import fc from 'fast-check';

// The same cases in every run, so that a red run is a change's doing. `FC_SEED=random` looks for new ones.
const seed = process.env.FC_SEED ?? '20261121';
if (seed !== 'random') fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(seed) });
