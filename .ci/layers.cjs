// The layer rule: a folder of src imports only from those listed before it. Run by `npm run check:layers`.
const layers = [
  'errors',
  'time',
  'algorithms',
  'partition',
  'limiter',
  'concurrency',
  'policy',
  'engine',
  'http',
  'adapters',
  'stores',
  'client',
  'lab',
  'testing',
  'cli',
];
const at = (name) => `^src/${name}(/|[.]ts$)`;

module.exports = {
  forbidden: [
    ...layers.slice(0, -1).map((name, i) => ({
      name: `${name}-imports-upwards`,
      severity: 'error',
      from: { path: at(name) },
      to: { path: [...layers.slice(i + 1).map(at), '^src/index[.]ts$'] },
    })),
    { name: 'no-cycle', severity: 'error', from: { path: '^src' }, to: { circular: true } },
    {
      name: 'no-node-built-in-below-the-rim',
      comment: 'Only the Node adapter and the command line may touch Node.',
      severity: 'error',
      from: { path: '^src', pathNot: '^src/(cli/|adapters/node[.]ts$)' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'only-declared-dependencies',
      comment: 'What the command line and reports use besides is built into them.',
      severity: 'error',
      from: { path: '^src', pathNot: '^src/(cli|lab/report)/' },
      to: {
        dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown', 'unknown', 'undetermined'],
        dependencyTypesNot: ['npm-peer'],
      },
    },
    {
      name: 'frameworks-for-their-types-only',
      comment: 'They are optional, and the one that calls an adapter is there already.',
      severity: 'error',
      from: { path: '^src', pathNot: '^src/adapters/opentelemetry[.]ts$' },
      to: { dependencyTypes: ['npm-peer'], dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
  },
};
