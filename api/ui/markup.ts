// The result of a template: text in which everything from outside is escaped.

import type { HtmlEscapedString } from 'hono/utils/html'

export { html } from 'hono/html'

export type Markup = HtmlEscapedString | Promise<HtmlEscapedString>
/** May be nothing, where a part of a page can be missing. */
export type Part = Markup | string | number | null | readonly Part[]

/** For markup without promises, which all our templates are. */
export function markupText(markup: Markup): string {
  if (markup instanceof Promise) throw new TypeError('this markup has to be waited for')
  return markup.toString()
}
