// What of a document can be cited: its numbered sections, its rules, the rows of its checklist, its headings.

const RULES = 'Rules that must never break'

/** As they are cited: `3.3`, `rule 4`, `S12`, `"Behind a proxy"`, and `#behind-a-proxy` for links. */
export function placesOf(markdown: string): ReadonlySet<string> {
  const places = new Set<string>()
  let isRules = false
  let isCode = false
  for (const line of markdown.split('\n')) {
    if (line.startsWith('```')) isCode = !isCode
    if (isCode) continue
    const heading = /^#{1,6}\s+(.+?)\s*$/.exec(line)?.[1]
    if (heading !== undefined) {
      isRules = heading === RULES
      const number = /^(\d+(?:\.\d+)?)\.?\s/.exec(heading)?.[1]
      if (number !== undefined) places.add(number)
      places.add(`"${heading}"`)
      places.add(`#${slugOf(heading)}`)
    }
    const rule = /^(\d+)\. /.exec(line)?.[1]
    if (isRules && rule !== undefined) places.add(`rule ${rule}`)
    const row = /^\| (S\d+) \|/.exec(line)?.[1]
    if (row !== undefined) places.add(row)
  }
  return places
}

/** As GitHub makes the anchor of a heading. */
function slugOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(/\s/g, '-')
}
