/** What every adapter says when it is given no engine. */

import { headgate as express } from 'headgate/express';
import { headgate as fetch } from 'headgate/fetch';
import { headgate as hono } from 'headgate/hono';
import { headgate as koa } from 'headgate/koa';
import { headgate as lambda } from 'headgate/lambda';
import { headgate as node } from 'headgate/node';
import { describe, expect, it } from 'vitest';

const options = { identify: () => ({}) };

describe('an adapter without an engine', () => {
  it.each(Object.entries({ express, fetch, hono, koa, lambda, node }))(
    'should say so when it is made: %s',
    (_, adapter) => {
      const make = adapter as (...args: unknown[]) => unknown;
      for (const engine of [undefined, null, 3, {}])
        expect(() => make(engine, options, () => undefined)).toThrow(
          expect.objectContaining({
            name: 'PolicyError',
            faults: [expect.objectContaining({ path: 'engine' })],
          }),
        );
    },
  );
});
