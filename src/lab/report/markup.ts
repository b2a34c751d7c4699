/** Text that may stand anywhere in a document, between tags or in an attribute; what would hide in it is spelled out. */
export function escaped(text: string): string {
  return text
    .replace(/[\p{Cc}\p{Bidi_Control}]/gu, (char) =>
      char === '\n' ? char : `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
    )
    .replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}

/** A table; its first column names the rows. On a narrow screen each row becomes a card if it has many columns. */
export function table(
  caption: string,
  head: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const cells = (row: readonly string[]) =>
    row
      .map((cell, i) =>
        i === 0
          ? `<th scope="row">${escaped(cell)}</th>`
          : `<td data-label="${escaped(head[i] ?? '')}">${escaped(cell)}</td>`,
      )
      .join('');
  return `<table${head.length > 4 ? ' class="cards"' : ''}><caption>${escaped(caption)}</caption>
<thead><tr>${head.map((name) => `<th scope="col">${escaped(name)}</th>`).join('')}</tr></thead>
<tbody>${rows.map((row) => `<tr>${cells(row)}</tr>`).join('\n')}</tbody></table>`;
}

/** A picture with its words, and a table of what it shows behind it. */
export function figure(
  id: string,
  {
    title,
    describe,
    svg,
    legend = '',
    behind,
  }: {
    readonly title: string;
    /** What is to be seen, in a sentence or two. */
    readonly describe: string;
    /** What stands inside the svg element. */
    readonly svg: string;
    readonly legend?: string;
    /** The figures as a table. */
    readonly behind: string;
  },
): string {
  return `<figure>
<figcaption>${escaped(title)}</figcaption>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-labelledby="${id}-title ${id}-desc"><title id="${id}-title">${escaped(title)}</title><desc id="${id}-desc">${escaped(describe)}</desc>
${svg}
</svg>
${legend}<details><summary>As a table</summary>${behind}</details>
</figure>`;
}

/** The size of a picture: as wide as a telephone, so that its text is readable there. */
export const WIDTH = 360;
/** See {@link WIDTH}. */
export const HEIGHT = 200;
