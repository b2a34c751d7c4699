/**
 * Load on one server: some connections, each sending a request when the last one has been answered, with
 * API keys in turn. It does as little as it can for a response, so that the server is what is busy.
 */
import { connect, type Socket } from 'node:net';
import { KEY_FIELD, KEYS } from './site.ts';

const CONNECTIONS = 16;
const REQUESTS = Array.from({ length: KEYS }, (_, i) =>
  Buffer.from(
    `GET /v1/items/${i} HTTP/1.1\r\nHost: localhost\r\n${KEY_FIELD}: key_${String(i).padStart(8, '0')}\r\n\r\n`,
  ),
);

/** Whether a response is whole; its body has a length or is sent in chunks. */
function isWhole(response: string): boolean {
  const head = response.indexOf('\r\n\r\n');
  if (head === -1) return false;
  const length = /\r\ncontent-length: *(\d+)/i.exec(response)?.[1];
  if (length === undefined) return response.endsWith('\r\n0\r\n\r\n');
  return response.length >= head + 4 + Number(length);
}

/**
 * Requests answered per second. Connections are opened before the clock starts and closed after it has stopped: a server
 * closes those that have been idle for some seconds, as they are while others have their turn.
 */
export async function throughput(
  port: number,
  forMs: number,
): Promise<{ perSecond: number; answered: number }> {
  const sockets = await Promise.all(Array.from({ length: CONNECTIONS }, () => open(port)));
  const start = performance.now();
  const isOver = (): boolean => performance.now() - start >= forMs;
  const counts = await Promise.all(sockets.map((socket, i) => drive(socket, i, isOver)));
  const elapsed = performance.now() - start;
  for (const socket of sockets) socket.destroy();
  const answered = counts.reduce((sum, each) => sum + each, 0);
  return { perSecond: (answered * 1000) / elapsed, answered };
}

function drive(socket: Socket, first: number, isOver: () => boolean): Promise<number> {
  return new Promise((resolve, reject) => {
    let answered = 0;
    let response = '';
    const send = (): void => {
      socket.write(REQUESTS[(first + answered * CONNECTIONS) % REQUESTS.length] as Buffer);
    };
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('a server has closed a connection that was in use')));
    socket.on('data', (bytes) => {
      response += bytes.toString('latin1');
      if (!isWhole(response)) return;
      if (!response.startsWith('HTTP/1.1 200 '))
        return reject(new Error(`answered ${response.slice(0, 40)}`));
      response = '';
      answered++;
      if (isOver()) resolve(answered);
      else send();
    });
    send();
  });
}

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => {
      socket.off('error', reject);
      resolve(socket);
    });
    socket.once('error', reject);
  });
}
