// What a template gives: text in which everything that came from outside is escaped.

import type { HtmlEscapedString } from 'hono/utils/html'

export { html } from 'hono/html'

export type Markup = HtmlEscapedString | Promise<HtmlEscapedString>
/** Also nothing, where a part of a page may be missing. */
export type Part = Markup | string | number | null | readonly Part[]

/** Of markup that holds nothing to wait for, as all of our templates. */
export function markupText(markup: Markup): string {
  if (markup instanceof Promise) throw new TypeError('this markup has to be waited for')
  return markup.toString()
}
