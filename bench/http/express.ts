/** Express: bare, with constant fields, and limited by headgate, express-rate-limit or rate-limiter-flexible. */
import { createServer, type RequestListener } from 'node:http';
import express, { type RequestHandler } from 'express';
import { BODY, CONSTANT_FIELDS, type Guard, KEY_FIELD, keyOf, makeEngine, WINDOW_MS } from './site.ts';

export async function listenExpress(guard: Guard, quota: number): Promise<number> {
  const server = createServer(await listener(guard, quota)).listen(0);
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function listener(guard: Guard, quota: number): Promise<RequestListener> {
  const app = express();
  const middleware = await middlewareOf(guard, quota);
  if (middleware !== undefined) app.use(middleware);
  app.get('/v1/items/:item', (_request, response) => {
    response.send(BODY);
  });
  return app as RequestListener;
}

async function middlewareOf(guard: Guard, quota: number): Promise<RequestHandler | undefined> {
  if (guard === 'constant') {
    return (_request, response, next) => {
      for (const [name, value] of CONSTANT_FIELDS) response.setHeader(name, value);
      next();
    };
  }
  if (guard === 'headgate') {
    const { headgate } = await import('headgate/express');
    return headgate(makeEngine(quota), {
      identify: ({ headers }) => ({ apiKey: keyOf(headers[KEY_FIELD]) }),
    });
  }
  if (guard === 'peer') {
    const { rateLimit } = await import('express-rate-limit');
    return rateLimit({
      windowMs: WINDOW_MS,
      limit: quota,
      legacyHeaders: true,
      standardHeaders: false,
      keyGenerator: (request) => keyOf(request.headers[KEY_FIELD]),
    });
  }
  if (guard === 'rate-limiter-flexible') return flexible(quota);
  return undefined;
}

/** It has no middleware of its own; this is the one that its documentation tells to write. */
async function flexible(quota: number): Promise<RequestHandler> {
  const { RateLimiterMemory, RateLimiterRes } = await import('rate-limiter-flexible');
  const limiter = new RateLimiterMemory({ points: quota, duration: WINDOW_MS / 1000 });
  return (request, response, next) => {
    limiter.consume(keyOf(request.headers[KEY_FIELD])).then(
      ({ remainingPoints, msBeforeNext }) => {
        response.setHeader('X-RateLimit-Limit', quota);
        response.setHeader('X-RateLimit-Remaining', remainingPoints);
        response.setHeader('X-RateLimit-Reset', Math.ceil((Date.now() + msBeforeNext) / 1000));
        next();
      },
      (denial: unknown) => {
        if (!(denial instanceof RateLimiterRes)) return next(denial);
        response.setHeader('Retry-After', Math.ceil(denial.msBeforeNext / 1000));
        response.status(429).send('Too Many Requests');
      },
    );
  };
}
