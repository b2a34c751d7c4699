/** workerd, the runtime of Cloudflare's Workers: the checks, and a Durable Object that is killed and started again. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { same } from '../expect.js';
import { inOrder, start, until } from './process.js';

const SOURCES = ['checks.js', 'entries.js', 'expect.js', 'policy.js'];

/** workerd's settings: the packed files under the names they are imported by, unbundled. */
function configOf(folder) {
  const { exports: entries } = JSON.parse(
    readFileSync(`${folder}/node_modules/headgate/package.json`, 'utf8'),
  );
  const packed = Object.entries(entries)
    .filter(([path]) => !/json$|node$/.test(path))
    .map(
      ([
        path,
        {
          import: { default: file },
        },
      ]) => [path.replace('.', 'headgate'), `node_modules/headgate/${file}`],
    );
  const own = [...SOURCES, ...readdirSync(folder).filter((name) => /^check-(?!node)/.test(name))];
  const modules = [...packed, ...own.map((name) => [name, name])];
  const worker = (main, more) => `(
    compatibilityDate = "2026-01-01",
    compatibilityFlags = ["enhanced_error_serialization"],
    modules = [${[main, ...modules].map(([name, file]) => `(name = "${name}", esModule = embed "${file}")`).join(', ')}],
    ${more})`;
  const durable = (key, storage) => `
    durableObjectNamespaces = [(className = "Limits", uniqueKey = "${key}", enableSql = true)],
    durableObjectStorage = (${storage}),
    bindings = [(name = "LIMITS", durableObjectNamespace = "Limits")],`;
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "checks", worker = .checks),
    (name = "example", worker = .example),
    (name = "disk", disk = (path = "${folder}/storage", writable = true)),
  ],
  sockets = [
    (name = "checks", address = "127.0.0.1:0", http = (), service = "checks"),
    (name = "example", address = "127.0.0.1:0", http = (), service = "example"),
  ],
);
const checks :Workerd.Worker = ${worker(['worker.js', 'worker.js'], durable('checks', 'inMemory = void'))};
const example :Workerd.Worker = ${worker(
    ['worker.js', 'example/worker.js'],
    durable('example', 'localDisk = "disk"'),
  )};
`;
}

export async function runWorkerd(workerd, folder) {
  mkdirSync(`${folder}/storage`, { recursive: true });
  writeFileSync(`${folder}/config.capnp`, configOf(folder));
  let server = await serve(workerd, folder);
  const restart = async () => {
    await server.kill();
    server = await serve(workerd, folder);
  };
  try {
    const shared = await (await fetch(`http://127.0.0.1:${server.ports.checks}/`)).json();
    const ask = (account, method = 'GET', path = '/v1/x') =>
      fetch(`http://127.0.0.1:${server.ports.example}${path}`, { method, headers: { 'x-account': account } });
    return [...shared, ...(await inOrder(objectChecks(ask, restart, `${folder}/storage`)))];
  } finally {
    await server.kill();
  }
}

async function serve(workerd, folder) {
  const server = start(workerd, ['serve', 'config.capnp', '--control-fd=3'], folder);
  const ports = {};
  let [told, complaints] = ['', ''];
  server.child.stderr.on('data', (data) => {
    complaints += data;
  });
  server.child.stdout.resume();
  server.child.stdio[3].on('data', (data) => {
    told += data;
    for (const [, socket, port] of told.matchAll(/"socket":"(\w+)","port":(\d+)/g))
      ports[socket] = Number(port);
  });
  await until(() => {
    if (server.child.exitCode !== null) throw new Error(`workerd has ended: ${complaints}`);
    return Object.keys(ports).length === 2;
  }, 'that workerd listens');
  return { ...server, ports };
}

/** The example: 20 requests an hour and 2 calls at once for each account, every fifth charge saved at once. */
function objectChecks(ask, restart, storage) {
  const passed = async (account, count) => {
    const answers = await Promise.all(Array.from({ length: count }, () => ask(account)));
    return answers.filter(({ status }) => status === 200).length;
  };
  /** Objects of which something is in storage. */
  const saved = () => {
    const files = readdirSync(storage, { recursive: true, withFileTypes: true }).filter((file) =>
      file.isFile(),
    );
    const hasSome = (file) =>
      readFileSync(`${file.parentPath}/${file.name}`, 'latin1').includes('headgate:0');
    return new Set(files.filter(hasSome).map(({ name }) => name.split('.')[0])).size;
  };
  return {
    'Durable Object: one budget for all who ask at once, another for another account': async () => {
      same([await passed('one', 50), await passed('two', 15)], [20, 15]);
      const denied = await ask('one');
      same(
        [
          denied.status,
          denied.headers.get('x-ratelimit-limit'),
          Number(denied.headers.get('retry-after')) > 3590,
        ],
        [429, '20', true],
      );
    },
    'Durable Object: killed and started again, it knows what was used': async () => {
      await restart();
      same([await passed('one', 3), await passed('two', 10)], [0, 5]);
    },
    'Durable Object: killed between two saves, it forgets fewer charges than saveEvery': async () => {
      same(await passed('three', 9), 9);
      await restart();
      const again = await passed('three', 30);
      same([again >= 11, again <= 15], [true, true], `${again} of 11 to 15`);
    },
    'Durable Object: a single charge is saved within saveWithin': async () => {
      const before = saved();
      same((await ask('four')).status, 200);
      await until(() => saved() > before, 'a save');
      await restart();
      same(await passed('four', 30), 19);
    },
    'Durable Object: permits are shared; those lost in a restart are told to be lost': async () => {
      const dial = async () => {
        const response = await ask('five', 'POST', '/v1/calls');
        return [response.status, response.status === 201 ? (await response.json()).call : undefined];
      };
      const hangUp = async (call) => (await ask('five', 'DELETE', `/v1/calls/${call}`)).status;
      const [[, one], [, two], [busy]] = [await dial(), await dial(), await dial()];
      same([busy, await hangUp(one), await hangUp(one)], [429, 204, 410]);
      await restart();
      const [, next] = await dial();
      same([await hangUp(two), next > two, await hangUp(next)], [410, true, 204]);
    },
  };
}
