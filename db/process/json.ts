// JSON that comes from outside: it may be anything, also nothing.

/** Undefined where it is no JSON: a proxy's HTML page, or an answer that was cut off. */
export function parseJson(text: string | Buffer): unknown {
  try {
    return JSON.parse(text.toString())
  } catch {
    // The parser's words quote the text, which may hold credentials.
    return undefined
  }
}
