/**
 * Load on one server: some connections that are kept, each sending a request when the last one has been answered, with
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

export interface Load {
  /** Requests answered in so many milliseconds. */
  readonly push: (forMs: number) => Promise<number>;
  readonly close: () => void;
}

export async function openLoad(port: number): Promise<Load> {
  const sockets = await Promise.all(Array.from({ length: CONNECTIONS }, () => open(port)));
  let next = 0;
  const drive = (socket: Socket, isOver: () => boolean): Promise<number> =>
    new Promise((resolve, reject) => {
      let answered = 0;
      let response = '';
      const stop = (): void => {
        socket.removeAllListeners('data');
        socket.removeAllListeners('error');
      };
      const send = (): void => {
        socket.write(REQUESTS[next++ % REQUESTS.length] as Buffer);
      };
      socket.on('error', (error) => {
        stop();
        reject(error);
      });
      socket.on('data', (bytes) => {
        response += bytes.toString('latin1');
        if (!isWhole(response)) return;
        if (!response.startsWith('HTTP/1.1 200 ')) {
          stop();
          return reject(new Error(`answered ${response.slice(0, 40)}`));
        }
        response = '';
        answered++;
        if (!isOver()) return send();
        stop();
        resolve(answered);
      });
      send();
    });
  return {
    push: async (forMs) => {
      const end = performance.now() + forMs;
      const isOver = (): boolean => performance.now() >= end;
      const answered = await Promise.all(sockets.map((socket) => drive(socket, isOver)));
      return answered.reduce((sum, each) => sum + each, 0);
    },
    close: () => {
      for (const socket of sockets) socket.destroy();
    },
  };
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
