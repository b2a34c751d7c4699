// Every entry that runs everywhere, by the names a user imports them by.
export * as headgate from 'headgate';
export * as batch from 'headgate/batch';
export * as client from 'headgate/client';
export * as diff from 'headgate/diff';
export * as distributed from 'headgate/distributed';
export * as durable from 'headgate/durable-object';
export * as express from 'headgate/express';
export * as fastify from 'headgate/fastify';
export * as fetch from 'headgate/fetch';
export * as hono from 'headgate/hono';
export * as koa from 'headgate/koa';
export * as lab from 'headgate/lab';
export * as lambda from 'headgate/lambda';
export * as lint from 'headgate/lint';
export * as pool from 'headgate/pool';
export * as redis from 'headgate/redis';
export * as testing from 'headgate/testing';
