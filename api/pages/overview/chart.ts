// Small charts as inline SVG, without scripts: stacked bars by day and an area over time. Each has a title for screen
// readers and a table with the same numbers for everybody who wants them.

import { bytes } from '../../ui/formats.ts'
import { html, type Markup } from '../../ui/markup.ts'

const WIDTH = 720
const HEIGHT = 180
const TOP = 8
const BOTTOM = 22
const LEFT = 84
const PLOT = HEIGHT - TOP - BOTTOM

type Series = { readonly name: string; readonly values: readonly number[] }

type ChartView = {
  readonly title: string
  readonly days: readonly string[]
  readonly series: readonly Series[]
  readonly tableLabel: string
}

export function barChart(view: ChartView): Markup {
  const totals = view.days.map((_, index) =>
    view.series.reduce((sum, { values }) => sum + (values[index] ?? 0), 0),
  )
  const top = niceTop(Math.max(...totals, 0))
  const step = (WIDTH - LEFT) / Math.max(view.days.length, 1)
  const bars = view.days.map((day, index) => {
    let y = HEIGHT - BOTTOM
    return view.series.map(({ name, values }, place) => {
      const value = values[index] ?? 0
      const height = (value / top) * PLOT
      y -= height
      return value === 0
        ? null
        : html`<rect data-series="${place % 6}" x="${fixed(LEFT + index * step + step * 0.12)}" y="${fixed(y)}" width="${fixed(step * 0.76)}" height="${fixed(height)}"><title>${day}, ${name}: ${bytes(value)}</title></rect>`
    })
  })
  const legend = html`<ul role="list" data-component="legend">${view.series.map(({ name }, place) => html`<li data-series="${place % 6}">${name}</li>`)}</ul>`
  return figure(view, top, html`${bars}`, view.series.length > 1 ? legend : null)
}

export function areaChart(view: ChartView): Markup {
  const values = view.series[0]?.values ?? []
  const top = niceTop(Math.max(...values, 0))
  const step = (WIDTH - LEFT) / Math.max(values.length - 1, 1)
  const points = values.map(
    (value, index) => `${fixed(LEFT + index * step)},${fixed(HEIGHT - BOTTOM - (value / top) * PLOT)}`,
  )
  const base = HEIGHT - BOTTOM
  return figure(
    view,
    top,
    html`<polygon data-series="0" points="${LEFT},${base} ${points.join(' ')} ${WIDTH},${base}"/><polyline data-series="0" points="${points.join(' ')}"/>`,
    null,
  )
}

function figure(
  { title, days, series, tableLabel }: ChartView,
  top: number,
  shapes: Markup,
  legend: Markup | null,
) {
  const lines = [0, 0.5, 1].map((share) => {
    const y = fixed(HEIGHT - BOTTOM - share * PLOT)
    return html`<line x1="${LEFT}" x2="${WIDTH}" y1="${y}" y2="${y}"/><text x="${LEFT - 8}" y="${y}" dy="0.32em" text-anchor="end">${share === 0 ? '0' : bytes(top * share).replace(/\.0+ /, ' ')}</text>`
  })
  return html`<figure data-component="chart">
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${title}">${lines}${shapes}
<text x="${LEFT}" y="${HEIGHT - 5}">${days[0] ?? ''}</text><text x="${WIDTH}" y="${HEIGHT - 5}" text-anchor="end">${days.at(-1) ?? ''}</text></svg>
${legend}
<details><summary>${tableLabel}</summary><div data-component="scroll" tabindex="0" role="region" aria-label="${tableLabel}: ${title}"><table><thead><tr><th scope="col">Day</th>${series.map(({ name }) => html`<th scope="col" data-align="end">${name}</th>`)}</tr></thead><tbody>${days.map(
    (day, index) =>
      html`<tr><th scope="row">${day}</th>${series.map(({ values }) => html`<td data-align="end">${bytes(values[index] ?? 0)}</td>`)}</tr>`,
  )}</tbody></table></div></details></figure>`
}

/** 1, 2 or 5 times a power of ten of the unit, and at least a mebibyte, so that the lines have round labels. */
function niceTop(most: number): number {
  let unit = 1024 ** 2
  while (most > unit * 1000) unit *= 1024
  for (let scale = unit; ; scale *= 10) {
    for (const factor of [1, 2, 5]) if (most <= scale * factor) return scale * factor
  }
}

function fixed(value: number): string {
  return value.toFixed(1)
}
