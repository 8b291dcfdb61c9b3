// The icons of the pages, as one sprite inside each page, which the Content-Security-Policy allows. Icons are decoration: the
// text beside them says the same.

import { html, type Markup } from './markup.ts'

const SHAPES = {
  check: html`<path d="M4 12.5l5.5 5.5L20 6.5"/>`,
  cross: html`<path d="M6 6l12 12M18 6L6 18"/>`,
  retry: html`<path d="M20 11a8 8 0 1 0-2.3 6.2M20 4v7h-7"/>`,
  stop: html`<circle cx="12" cy="12" r="8.5"/><path d="M6 18L18 6"/>`,
  dash: html`<path d="M5 12h14"/>`,
  warn: html`<path d="M12 4l9 16H3zM12 10v4.5M12 17.4v.2"/>`,
  history: html`<path d="M4 6h16M4 12h16M4 18h10"/>`,
  overview: html`<rect x="3.5" y="3.5" width="7" height="7" rx="1.5"/><rect x="13.5" y="3.5" width="7" height="7" rx="1.5"/><rect x="3.5" y="13.5" width="7" height="7" rx="1.5"/><rect x="13.5" y="13.5" width="7" height="7" rx="1.5"/>`,
  instance: html`<ellipse cx="12" cy="5.5" rx="8" ry="3"/><path d="M4 5.5v13c0 1.7 3.6 3 8 3s8-1.3 8-3v-13M4 12c0 1.7 3.6 3 8 3s8-1.3 8-3"/>`,
  cloud: html`<path d="M7 19a4.5 4.5 0 0 1-.6-8.96A6 6 0 0 1 18 10.5 4.3 4.3 0 0 1 17.5 19z"/>`,
  audit: html`<path d="M6 3.5h9l4 4v13H6zM9 11h7M9 15h7"/>`,
  settings: html`<circle cx="12" cy="12" r="3"/><path d="M12 3v3M12 18v3M3 12h3M18 12h3M5.6 5.6l2.2 2.2M16.2 16.2l2.2 2.2M18.4 5.6l-2.2 2.2M7.8 16.2l-2.2 2.2"/>`,
  user: html`<circle cx="12" cy="8" r="4"/><path d="M4.5 20.5c.8-4 3.8-6 7.5-6s6.700 2 7.500 6"/>`,
  key: html`<circle cx="8" cy="15" r="4.500"/><path d="M11.300 11.700L20 3M16 7l3 3"/>`,
} as const satisfies Record<string, Markup>

export type IconName = keyof typeof SHAPES

/** Hidden from screen readers. */
export function icon(name: IconName): Markup {
  return html`<svg data-component="icon" aria-hidden="true" focusable="false"><use href="#icon-${name}"/></svg>`
}

export const sprite: Markup = html`<svg hidden aria-hidden="true" focusable="false">${Object.entries(
  SHAPES,
).map(([name, shape]) => html`<symbol id="icon-${name}" viewBox="0 0 24 24">${shape}</symbol>`)}</svg>`
