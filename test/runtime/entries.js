// Every entry that runs everywhere, by the names a user imports them by.
export * as headgate from 'headgate';
export * as batch from 'headgate/batch';
export * as diff from 'headgate/diff';
export * as durable from 'headgate/durable-object';
export * as fetch from 'headgate/fetch';
export * as lint from 'headgate/lint';
export * as pool from 'headgate/pool';
export * as testing from 'headgate/testing';
