import { MemoryStore } from 'express-rate-limit';

const store = new MemoryStore();
store.init({ windowMs: 60_000 });
const { totalHits } = await store.increment('key_42');
if (totalHits !== 1) process.exitCode = 1;
