// Partial responses: the `fields` parameter, as 'a,b(c,d),e/f,*'. Drive returns only a few fields unasked, so a
// client that forgets to ask for `size` does not get it here either.

type Mask = { readonly [field: string]: Mask | true }

export function applyFields(value: unknown, fields: string | null, unasked: string): unknown {
  const mask = parseMask(fields === null || fields === '' ? unasked : fields)
  return pick(value, mask)
}

function pick(value: unknown, mask: Mask | true): unknown {
  if (mask === true || '*' in mask) return value
  if (Array.isArray(value)) return value.map((entry) => pick(entry, mask))
  if (typeof value !== 'object' || value === null) return value
  const picked: Record<string, unknown> = {}
  for (const [field, inner] of Object.entries(value)) {
    const wanted = mask[field]
    if (wanted !== undefined && inner !== undefined) picked[field] = pick(inner, wanted)
  }
  return picked
}

function parseMask(text: string): Mask {
  let at = 0
  const list = (): Mask => {
    const mask: Record<string, Mask | true> = {}
    for (;;) {
      const name = /^[\w*/]+/.exec(text.slice(at))?.[0]
      if (name === undefined) throw new SyntaxError(`field expected at ${at}`)
      at += name.length
      const path = name.split('/')
      let inner: Mask | true = true
      if (text[at] === '(') {
        at += 1
        inner = list()
        if (text[at] !== ')') throw new SyntaxError(`')' expected at ${at}`)
        at += 1
      }
      for (const part of path.slice(1).reverse()) inner = { [part]: inner }
      mask[path[0] ?? ''] = inner
      if (text[at] !== ',') return mask
      at += 1
    }
  }
  text = text.replaceAll(/\s/g, '')
  const mask = list()
  if (at !== text.length) throw new SyntaxError(`unexpected character at ${at}`)
  return mask
}
