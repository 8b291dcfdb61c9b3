// The search language of files.list, as far as backup programs use it: parents, name, mimeType, trashed, times and
// appProperties, joined by `and`, `or`, `not` and brackets. Anything else is refused as the real service does.

import type { DriveItem } from './drive-world.ts'

export type QueryFacts = {
  readonly item: DriveItem
  readonly isTrashed: boolean
  readonly seesAppProperties: boolean
}
export type Query = {
  matches(facts: QueryFacts): boolean
  /** Parents that the query names: Drive answers 404 to one that does not exist. */
  readonly parents: readonly string[]
}

type Test = (facts: QueryFacts) => boolean
type Token = { readonly kind: 'word' | 'text' | 'sign'; readonly value: string }

export function parseQuery(text: string): Query {
  const tokens = tokenize(text)
  const parents: string[] = []
  let at = 0
  const peek = () => tokens[at]
  const isWord = (value: string) => peek()?.kind === 'word' && peek()?.value.toLowerCase() === value
  const isSign = (value: string) => peek()?.kind === 'sign' && peek()?.value === value
  const take = (kind: Token['kind'], value?: string): string => {
    const token = tokens[at]
    if (token?.kind !== kind || (value !== undefined && token.value !== value))
      throw new SyntaxError('Invalid Value')
    at += 1
    return token.value
  }
  const either = (): Test => {
    let test = both()
    while (isWord('or')) {
      at += 1
      const [left, right] = [test, both()]
      test = (facts) => left(facts) || right(facts)
    }
    return test
  }
  const both = (): Test => {
    let test = single()
    while (isWord('and')) {
      at += 1
      const [left, right] = [test, single()]
      test = (facts) => left(facts) && right(facts)
    }
    return test
  }
  const single = (): Test => {
    if (isWord('not')) {
      at += 1
      const test = single()
      return (facts) => !test(facts)
    }
    if (isSign('(')) {
      at += 1
      const test = either()
      take('sign', ')')
      return test
    }
    if (peek()?.kind === 'text') {
      const parent = take('text')
      take('word', 'in')
      take('word', 'parents')
      parents.push(parent)
      return ({ item }) => item.parents.includes(parent)
    }
    return comparison()
  }
  const comparison = (): Test => {
    const field = take('word')
    if (field === 'appProperties') {
      take('word', 'has')
      take('sign', '{')
      take('word', 'key')
      take('sign', '=')
      const key = take('text')
      take('word', 'and')
      take('word', 'value')
      take('sign', '=')
      const value = take('text')
      take('sign', '}')
      return ({ item, seesAppProperties }) => seesAppProperties && item.appProperties[key] === value
    }
    if (field === 'trashed') {
      const negated = take('sign') === '!='
      const wanted = take('word') === 'true'
      return ({ isTrashed }) => (isTrashed === wanted) !== negated
    }
    const operator = peek()?.kind === 'word' ? take('word') : take('sign')
    return compare(field, operator, take('text'))
  }
  const test = either()
  if (at !== tokens.length) throw new SyntaxError('Invalid Value')
  return { matches: test, parents }
}

function compare(field: string, operator: string, wanted: string): Test {
  const value = (item: DriveItem): string => {
    if (field === 'name') return item.name
    if (field === 'mimeType') return item.mimeType
    if (field === 'modifiedTime' || field === 'createdTime') return item[field]
    throw new SyntaxError('Invalid Value')
  }
  // Drive compares names without regard to case.
  const folded = (text: string) => (field === 'name' ? text.toLowerCase() : text)
  const found = ({ item }: QueryFacts) => folded(value(item))
  const expected = folded(wanted)
  if (operator === '=') return (facts) => found(facts) === expected
  if (operator === '!=') return (facts) => found(facts) !== expected
  if (operator === 'contains') return (facts) => found(facts).includes(expected)
  if (field === 'name' || field === 'mimeType') throw new SyntaxError('Invalid Value')
  const time = Date.parse(wanted)
  if (operator === '>') return ({ item }) => Date.parse(value(item)) > time
  if (operator === '<') return ({ item }) => Date.parse(value(item)) < time
  if (operator === '>=') return ({ item }) => Date.parse(value(item)) >= time
  if (operator === '<=') return ({ item }) => Date.parse(value(item)) <= time
  throw new SyntaxError('Invalid Value')
}

function tokenize(text: string): Token[] {
  const tokens: Token[] = []
  const pattern = /\s*(?:(?<word>[A-Za-z]+)|'(?<text>(?:\\[\\']|[^\\'])*)'|(?<sign>!=|>=|<=|[=<>(){}]))/uy
  while (pattern.lastIndex < text.length) {
    if (text.slice(pattern.lastIndex).trim() === '') break
    const groups = pattern.exec(text)?.groups
    if (groups === undefined) throw new SyntaxError('Invalid Value')
    if (groups.word !== undefined) tokens.push({ kind: 'word', value: groups.word })
    else if (groups.sign !== undefined) tokens.push({ kind: 'sign', value: groups.sign })
    else tokens.push({ kind: 'text', value: (groups.text ?? '').replaceAll(/\\([\\'])/g, '$1') })
  }
  return tokens
}
