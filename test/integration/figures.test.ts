import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { fixedWindowFigure, slidingWindowFigure, tokenBucketFigure } from '../../docs/figures/draw.ts';
import { boundaryFigure, spansFigure, waitsFigure } from '../../docs/figures/lab.ts';

const FIGURES: [file: string, draw: () => string | Promise<string>][] = [
  ['fixed-window.svg', fixedWindowFigure],
  ['sliding-window.svg', slidingWindowFigure],
  ['token-bucket.svg', tokenBucketFigure],
  ['lab-boundary.svg', boundaryFigure],
  ['lab-spans.svg', spansFigure],
  ['lab-waits.svg', waitsFigure],
];

describe('the figures of the guides', () => {
  it.each(FIGURES)('should be what the algorithms draw today: %s', async (file, draw) => {
    const path = fileURLToPath(new URL(`../../docs/figures/${file}`, import.meta.url));
    const drawn = await draw();
    if (process.env.UPDATE_FIGURES === '1') writeFileSync(path, drawn);
    expect(readFileSync(path, 'utf8')).toBe(drawn);
  });
});
