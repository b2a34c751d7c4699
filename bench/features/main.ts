/** `npm run bench:features`: runs every package and prints what the comparison says; `--write` publishes it. */
import { comparison, writeComparison } from './page.ts';

const tables = await comparison(undefined, (line) => console.error(line));
console.log(tables);
if (process.argv.includes('--write')) writeComparison(tables);
