import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { fixedWindowFigure, slidingWindowFigure, tokenBucketFigure } from '../../docs/figures/draw.ts';

const FIGURES: [file: string, draw: () => string][] = [
  ['fixed-window.svg', fixedWindowFigure],
  ['sliding-window.svg', slidingWindowFigure],
  ['token-bucket.svg', tokenBucketFigure],
];

describe('the figures of the guide to the algorithms', () => {
  it.each(FIGURES)('should be what the algorithms draw today: %s', (file, draw) => {
    const path = fileURLToPath(new URL(`../../docs/figures/${file}`, import.meta.url));
    const drawn = draw();
    if (process.env.UPDATE_FIGURES === '1') writeFileSync(path, drawn);
    expect(readFileSync(path, 'utf8')).toBe(drawn);
  });
});
