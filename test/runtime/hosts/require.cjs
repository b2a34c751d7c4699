// For Node: the same checks on what `require` finds, and every entry of the package both ways.
const { exports: entries } = require('headgate/package.json');

const NAMES = { '.': 'headgate', './durable-object': 'durable' };

async function main() {
  const { same } = await import('../expect.js');
  const { runChecks } = await import('../checks.js');
  const { NODE_CHECKS } = await import('../check-node.js');
  // The peer of `headgate/opentelemetry` is not there.
  const paths = Object.keys(entries).filter((path) => !path.endsWith('.json') && path !== './opentelemetry');
  const modules = {};
  const both = {};
  for (const path of paths) {
    const specifier = path.replace('.', 'headgate');
    const module = require(specifier);
    modules[NAMES[path] ?? path.slice(2)] = module;
    both[`${specifier}: the same names by import and by require`] = async () => {
      const names = Object.keys(await import(specifier)).filter(
        (name) => !['default', 'module.exports'].includes(name),
      );
      same(Object.keys(module).sort(), names.sort());
    };
  }
  // The timers of headgate keep no process alive.
  const alive = setInterval(() => undefined, 1000);
  const results = await runChecks(modules, { ...both, ...NODE_CHECKS });
  clearInterval(alive);
  console.log(JSON.stringify(results));
}

main();
