/** Entries that need Node's own modules, over a real socket. */
import { createServer } from 'node:http';
import { engineOf } from './check-engine.js';
import { same } from './expect.js';

export const NODE_CHECKS = {
  'headgate/node: a server over a socket': async (modules) => {
    const { engine } = engineOf(modules);
    const identify = () => ({ apiKey: 'k' });
    const listener = modules.node.headgate(engine, { identify }, (_request, response) =>
      response.end('hello'),
    );
    const server = createServer(listener);
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const answers = [];
      for (let i = 0; i < 6; i++) {
        const response = await fetch(`http://127.0.0.1:${server.address().port}/v1/calls`);
        answers.push(`${response.status} ${response.headers.get('x-ratelimit-remaining')}`);
        await response.text();
      }
      same(answers, ['200 4', '200 3', '200 2', '200 1', '200 0', '429 0']);
    } finally {
      server.closeAllConnections?.();
      server.close();
    }
  },
};
