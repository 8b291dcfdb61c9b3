// A time on a page: UTC without JavaScript, the browser's time zone with it (browser/app.js), and the exact time on hover.

import { duration } from './formats.ts'
import { html, type Markup } from './markup.ts'

/** `clock` is the time of today, to the second. */
type TimeStyle = 'full' | 'ago' | 'clock'

/** `at` is RFC 3339 in UTC. */
export function timeTag(at: string, style: TimeStyle = 'full'): Markup {
  const exact = `${at.slice(0, 10)} ${at.slice(11, 19)} UTC`
  return html`<time datetime="${at}" data-style="${style}" title="${exact}">${shown(at, style)}</time>`
}

function shown(at: string, style: TimeStyle): string {
  if (style === 'ago') return ago(at)
  return style === 'clock' ? `${at.slice(11, 19)} UTC` : `${at.slice(0, 10)} ${at.slice(11, 16)} UTC`
}

/** A dash when there is no time. */
export function timeOrDash(at: string | null, style: TimeStyle = 'full'): Markup {
  return at === null ? html`<span data-component="none">—</span>` : timeTag(at, style)
}

/** '3 h ago', 'just now' or 'in 5 min'. */
export function ago(at: string): string {
  const seconds = (Date.now() - Date.parse(at)) / 1000
  if (seconds < 0) return `in ${coarse(-seconds)}`
  return seconds < 60 ? 'just now' : `${coarse(seconds)} ago`
}

/** One unit is enough for an age. */
function coarse(seconds: number): string {
  return duration(seconds).split(' ').slice(0, 2).join(' ')
}
