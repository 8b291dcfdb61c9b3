// Texts for Temporal's Web UI: servers limit their length in bytes and refuse what is longer, so a long name is cut here.

/** One line. Servers take 400 bytes. */
const SUMMARY_BYTES = 300
/** A paragraph or two. Servers take 20,000 bytes. */
const DETAILS_BYTES = 15_000

export function summaryText(text: string): string {
  return cut(text, SUMMARY_BYTES)
}

export function detailsText(text: string): string {
  return cut(text, DETAILS_BYTES)
}

/** As many whole characters of the text as fit into `maxBytes` of UTF-8. */
function cut(text: string, maxBytes: number): string {
  let bytes = 0
  let end = 0
  for (const character of text) {
    bytes += utf8Length(character)
    if (bytes > maxBytes) break
    end += character.length
  }
  return text.slice(0, end)
}

/** Bytes of one character. A lone surrogate is written as U+FFFD, which takes three bytes. */
function utf8Length(character: string): number {
  const point = character.codePointAt(0) ?? 0
  if (point < 0x80) return 1
  if (point < 0x800) return 2
  return point < 0x1_0000 ? 3 : 4
}
