/** Headless Chromium: the packed files, unbundled, by an import map. */
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';

const PLACES = [
  process.env.CHROMIUM,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
];

export async function findChromium() {
  return PLACES.find((path) => path !== undefined && existsSync(path));
}

export async function runChromium(executablePath, folder) {
  const { chromium } = await import('playwright-core');
  const server = createServer((request, response) => {
    const path = new URL(request.url, 'http://localhost').pathname;
    const isPage = path === '/';
    try {
      response.setHeader('Content-Type', isPage ? 'text/html' : 'text/javascript');
      response.end(isPage ? pageOf(folder) : readFileSync(`${folder}${path}`));
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const flags = [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--disable-background-networking',
    '--disable-sync',
  ];
  const browser = await chromium.launch({ executablePath, args: flags });
  try {
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${server.address().port}/`);
    await page.waitForFunction(() => globalThis.results !== undefined);
    return await page.evaluate(() => globalThis.results);
  } finally {
    await browser.close();
    server.closeAllConnections();
    server.close();
  }
}

function pageOf(folder) {
  const { exports: entries } = JSON.parse(
    readFileSync(`${folder}/node_modules/headgate/package.json`, 'utf8'),
  );
  const imports = Object.entries(entries)
    .filter(([path]) => !path.endsWith('.json'))
    .map(
      ([
        path,
        {
          import: { default: file },
        },
      ]) => [path.replace('.', 'headgate'), file.replace('.', '/node_modules/headgate')],
    );
  return `<!doctype html><script type="importmap">${JSON.stringify({ imports: Object.fromEntries(imports) })}</script>
<script type="module">
import { runChecks } from '/checks.js';
import * as modules from '/entries.js';
globalThis.results = await runChecks(modules);
</script>`;
}
