// Follows what comments, test names and Markdown refer to: a section or rule of a document, a file or folder of the
// repository, a test by its name, a link. Understood forms: `docs/providers.md, 3.3`, `docs/design.md, rules 1 to 3`, `docs/security.md, S12`,
// `docs/operating.md, "Where things are kept"`, a path from the root or from the folder of the file, a bare file name.

import { dirname, join, matchesGlob } from 'node:path'
import { placesOf } from './places.ts'
import type { Tree } from './tree.ts'

export type BrokenReference = { readonly line: number; readonly cites: string; readonly why: string }

type Found = Omit<BrokenReference, 'line'> & { readonly index: number }

const IN_TREE = '(?:workflows|activities|api|db|temporal-dev|test|docs|\\.ci)'
const PLACE = '(?:\\d+(?:\\.\\d+)?|S\\d+|"[^"]+")'
const PLACES = `(?:rules?\\s+)?${PLACE}(?:(?:,|\\s+and|\\s+to)\\s+${PLACE})*`
/** A document, and where in it; without the comma the place would be passed over. */
const CITATION = new RegExp(
  `(?<![\\w./-])(?:((?:[\\w.-]+/)*[\\w-]+\\.md)(?![\\w-])(?:(,?)\\s+(${PLACES}))?|(README)(,)\\s+("[^"]+"))`,
  'g',
)
const PATH = new RegExp(
  `(?<![\\w./~@$*{}<>-])(?:${IN_TREE}/[\\w./*-]*|(?:[\\w.-]+/)*[\\w-][\\w.-]*\\.(?:ts|mjs|js|css))(?![\\w-])`,
  'g',
)
/** A test by its file and a part of its name, as documents point to it: the path, and then "keeps … apart", "and this". */
const TESTS = /`(test\/[\w./*-]+)`((?:,? "[^"]+")+)/g
const BARE_RULE = /\(rules?\s+\d+/g
const LINK = /\]\(([^)\s]+)\)/g
const URL = /\bhttps?:\/\/[^\s)>`'"]+/g
/** `SCRIPT.ts` in a usage line. */
const PLACEHOLDER = /^[A-Z]+\.\w+$/

/** What the text of a file refers to and is not there, in the order of its lines. */
export function brokenReferences(path: string, text: string, tree: Tree): readonly BrokenReference[] {
  const isMarkdown = path.endsWith('.md')
  const prose = withoutUrls(isMarkdown ? text : commentsOf(text, path.endsWith('run') ? '#' : '//'))
  // Names of tests cite as well, so the code around comments is looked through for citations too.
  const all = withoutUrls(isMarkdown ? text.replaceAll(LINK, blank) : withoutMarkers(text))
  const found = [
    ...brokenCitations(path, all, tree),
    ...bareRules(all),
    ...brokenPaths(path, prose, tree),
    ...(isMarkdown ? [...brokenLinks(path, text, tree), ...brokenTests(text, tree)] : []),
  ]
  return found
    .toSorted((a, b) => a.index - b.index)
    .map(({ index, cites, why }) => ({ line: text.slice(0, index).split('\n').length, cites, why }))
}

function* brokenCitations(path: string, text: string, tree: Tree): Generator<Found> {
  for (const match of text.matchAll(CITATION)) {
    const [cited, named, comma, places, readme, , title] = match
    const document = resolved(named ?? `${readme}.md`, path, tree)
    const cites = cited.replaceAll(/\s+/g, ' ')
    if (document === null) {
      yield { index: match.index, cites, why: 'there is no such document' }
      continue
    }
    const wanted = places ?? title
    if (wanted === undefined) continue
    if (comma === '' && !/^\d+\.\d+|^S\d|^rule/.test(wanted)) continue
    if (comma === '') yield { index: match.index, cites, why: 'a comma belongs before the place' }
    const known = placesOf(tree.texts.get(document) ?? '')
    for (const place of placesIn(wanted))
      if (!known.has(place)) yield { index: match.index, cites, why: `${document} has no ${place}` }
  }
}

/** A rule without its document: nobody could follow it. */
function* bareRules(text: string): Generator<Found> {
  for (const { 0: cites, index } of text.matchAll(BARE_RULE))
    yield { index, cites, why: 'the document of the rule is missing' }
}

/** The single places of `rules 1 to 3`, `1.1, 1.2 and 1.7`, `rule 2 and "Remote paths"`. */
function placesIn(wanted: string): readonly string[] {
  const ofRules = /^rules?\s/.test(wanted)
  const places = wanted.match(new RegExp(PLACE, 'g')) ?? []
  return places.map((place) => {
    if (place.startsWith('"')) return place.replaceAll(/\s+/g, ' ')
    return ofRules && /^\d+$/.test(place) ? `rule ${place}` : place
  })
}

function* brokenPaths(path: string, prose: string, tree: Tree): Generator<Found> {
  for (const match of prose.matchAll(PATH)) {
    const cites = match[0].replace(/\.+$/, '')
    // Documents are citations.
    if (cites.endsWith('.md') || PLACEHOLDER.test(cites) || resolved(cites, path, tree) !== null) continue
    if (isEnding(cites, tree)) continue
    yield { index: match.index, cites, why: 'there is no such file or folder' }
  }
}

function* brokenLinks(path: string, text: string, tree: Tree): Generator<Found> {
  for (const match of text.matchAll(LINK)) {
    const [, target = ''] = match
    if (/^[a-z]+:/.test(target)) continue
    const [to = '', anchor] = target.split('#')
    const document = to === '' ? path : resolved(join(dirname(path), to), path, tree)
    if (document === null) yield { index: match.index, cites: target, why: 'the link leads nowhere' }
    else if (anchor !== undefined && !placesOf(tree.texts.get(document) ?? '').has(`#${anchor}`))
      yield { index: match.index, cites: target, why: `${document} has no such heading` }
  }
}

function* brokenTests(text: string, tree: Tree): Generator<Found> {
  for (const { 1: where = '', 2: quoted = '', index } of text.matchAll(TESTS)) {
    const pattern = where.endsWith('/') ? `${where}**` : where
    const sources = [...tree.texts].filter(([file]) => matchesGlob(file, pattern)).map(([, source]) => source)
    for (const [, name = ''] of quoted.matchAll(/"([^"]+)"/g)) {
      if (!sources.some((source) => isNamedIn(source, name)))
        yield { index, cites: `${where} "${name}"`, why: 'there is no such test' }
    }
  }
}

/** Whether a line of the test's source has the name, where `…` stands for anything. */
function isNamedIn(source: string, name: string): boolean {
  const parts = name.split('…').map((part) => part.trim())
  return source.split('\n').some((line) => {
    let at = 0
    return parts.every((part) => {
      const found = line.indexOf(part, at)
      at = found + part.length
      return found >= 0
    })
  })
}

/** The path from the root that is meant: as it is, from the folder of the file that names it, or as a pattern; else null. */
function resolved(named: string, from: string, tree: Tree): string | null {
  const path = named.replace(/\/+$/, '')
  const isThere = (one: string) => tree.files.has(one) || tree.folders.has(one)
  if (path.includes('*')) return [...tree.files].find((file) => matchesGlob(file, path)) ?? null
  // The table of operations names tests without their common folder.
  const bases = ['', dirname(from), ...(from === 'docs/api.md' ? ['test'] : [])]
  return bases.map((base) => join(base, path)).find(isThere) ?? null
}

/** A bare name, or the end of a path: `provider.ts`, `google-drive/errors.ts`. A path from the root must be whole. */
function isEnding(named: string, tree: Tree): boolean {
  if (new RegExp(`^${IN_TREE}/`).test(named)) return false
  return [...tree.files].some((file) => file === named || file.endsWith(`/${named}`))
}

function blank(text: string): string {
  return text.replaceAll(/[^\n]/g, ' ')
}

function withoutUrls(text: string): string {
  return text.replaceAll(URL, blank)
}

/** The comments of a program, everything else blanked, so that places in the text stay what they are. */
function commentsOf(text: string, marker: '//' | '#'): string {
  const start = marker === '#' ? /^\s*#|\s#\s/ : /^\s*(\/\/|\/?\*+(?!\/))|\s\/\/\s|\s\/\*\*?\s/
  const lines = text.split('\n').map((line) => {
    const at = start.exec(line)
    if (at === null) return blank(line)
    const end = at.index + at[0].length
    return blank(line.slice(0, end)) + line.slice(end)
  })
  return lines.join('\n')
}

/** The text as a whole, with nothing between the lines of a comment. */
function withoutMarkers(text: string): string {
  return text.replaceAll(/^\s*(\/\/|\*|#)(?=\s)/gm, blank)
}
