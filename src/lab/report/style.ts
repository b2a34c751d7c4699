/**
 * Colours of contenders, light and dark; those after the tenth begin again. Every third has the same dashes, so those are
 * colours that also whoever is blind to red or green can tell apart.
 */
const COLOURS: readonly (readonly [light: string, dark: string])[] = [
  ['#0550ae', '#6cb6ff'],
  ['#8250df', '#b083f0'],
  ['#9a6700', '#daaa3f'],
  ['#bc4c00', '#f69d50'],
  ['#1a7f37', '#57ab5a'],
  ['#0a6e8a', '#76d3e8'],
  ['#bf3989', '#e275ad'],
  ['#57606a', '#adbac7'],
  ['#116329', '#8ddb8c'],
  ['#a40e26', '#ff938a'],
];

/** How many colours there are. */
export const COLOUR_COUNT: number = COLOURS.length;

const dark = COLOURS.map(([, colour], i) => `--c${i}: ${colour};`).join(' ');
const light = COLOURS.map(([colour], i) => `--c${i}: ${colour};`).join(' ');

/** The style of a report, all of it: nothing is loaded. */
export const STYLE: string = `
:root { color-scheme: light dark; --page: #ffffff; --text: #1f2328; --soft: #57606a; --rule: #d0d7de; --card: #f6f8fa;
  --yes: #0b4a20; --no: #e8625a; ${light} }
@media (prefers-color-scheme: dark) { :root { --page: #0d1117; --text: #e6edf3; --soft: #9da7b3; --rule: #30363d;
  --card: #161b22; --yes: #7ee787; --no: #c93c37; ${dark} } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); font: 15px/1.5 system-ui, -apple-system, 'Segoe UI', sans-serif; }
main { max-width: 1200px; margin: 0 auto; padding: 16px; }
h1, h2, p { overflow-wrap: anywhere; } h1 { font-size: 1.5rem; margin: 0 0 4px; } h2 { font-size: 1.15rem; margin: 32px 0 4px; }
p { margin: 4px 0 12px; max-width: 75ch; } .soft, figcaption + p { color: var(--soft); }
pre { background: var(--card); border: 1px solid var(--rule); border-radius: 6px; padding: 10px; white-space: pre-wrap; overflow-wrap: anywhere; font-size: 13px; }
.whole { white-space: nowrap; } .word { display: inline-block; max-width: 100%; }
.grid { display: grid; gap: 16px; grid-template-columns: repeat(auto-fit, minmax(min(100%, 340px), 1fr)); }
.wide { max-width: 560px; }
figure { max-width: 560px; margin: 0; padding: 12px; background: var(--card); border: 1px solid var(--rule); border-radius: 8px; min-width: 0; }
figcaption { font-weight: 600; overflow-wrap: anywhere; }
svg { display: block; width: 100%; height: auto; }
svg text { font: 11px system-ui, -apple-system, 'Segoe UI', sans-serif; fill: var(--soft); }
svg .marked { fill: var(--text); font-weight: 600; paint-order: stroke; stroke: var(--card); stroke-width: 3px; }
.axis, .tick { stroke: var(--soft); fill: none; } svg .rule { stroke: var(--rule); fill: none; }
.line { fill: none; stroke-width: 1.8; stroke-linejoin: round; } .mark { stroke: var(--text); stroke-dasharray: 6 4; fill: none; }
.band { stroke: none; } .yes { fill: var(--yes); } .no { fill: var(--no); }
.usage { stroke: var(--c0); } .arrived { stroke: var(--text); stroke-width: 1.4; border-color: var(--text); }
${COLOURS.map((_, i) => `.c${i} { stroke: var(--c${i}); border-color: var(--c${i}); }`).join('\n')}
.dash1 { stroke-dasharray: 7 3; } .dash2 { stroke-dasharray: 2 3; }
.legend { list-style: none; margin: 6px 0; padding: 0; display: flex; flex-wrap: wrap; gap: 4px 14px; font-size: 13px; }
.legend i { display: inline-block; width: 14px; height: 4px; border-radius: 2px; margin-right: 6px; vertical-align: middle; }
.legend .k { width: 22px; height: 0; border-radius: 0; border-top-width: 3px; border-top-style: solid; }
.legend .dash1 { border-top-style: dashed; } .legend .dash2 { border-top-style: dotted; }
.legend .ky { background: var(--yes); height: 10px; } .legend .kn { background: var(--no); height: 10px; }
details { margin-top: 8px; font-size: 13px; } summary { cursor: pointer; color: var(--soft); }
table { border-collapse: collapse; width: 100%; font-size: 13px; font-variant-numeric: tabular-nums; }
section > table { margin-bottom: 12px; }
caption { text-align: left; color: var(--soft); padding: 4px 0; } figure > table caption { color: var(--text); font-weight: 600; font-size: 15px; }
th, td { padding: 4px 8px; border-bottom: 1px solid var(--rule); text-align: right; white-space: nowrap; }
th:first-child { text-align: left; white-space: normal; overflow-wrap: anywhere; }
thead th { font-weight: 600; vertical-align: bottom; }
@media (max-width: 760px) {
  th, td { padding: 4px; }
  table.cards thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  table.cards, .cards tbody, .cards caption { display: block; }
  .cards tr { display: grid; grid-template-columns: 1fr 1fr; gap: 0 16px; padding: 8px 0; border-bottom: 1px solid var(--rule); }
  .cards th { grid-column: 1 / -1; border: 0; padding: 2px 0; }
  .cards td { display: flex; justify-content: space-between; gap: 8px; border: 0; padding: 2px 0; white-space: normal; overflow-wrap: anywhere; }
  .cards td::before { content: attr(data-label); color: var(--soft); text-align: left; }
}
figure .cards { display: block; } figure .cards thead { display: none; } figure .cards tbody, figure .cards caption { display: block; }
figure .cards tr { display: grid; grid-template-columns: 1fr 1fr; gap: 0 16px; padding: 8px 0; border-bottom: 1px solid var(--rule); }
figure .cards th { grid-column: 1 / -1; border: 0; padding: 2px 0; }
figure .cards td { display: flex; justify-content: space-between; gap: 8px; border: 0; padding: 2px 0; }
figure .cards td::before { content: attr(data-label); color: var(--soft); }
`;
