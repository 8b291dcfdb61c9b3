// Reads the body of a request once, before any route. It reads no more than a limit, whatever Content-Length says, and refuses
// text that PostgreSQL cannot store. hono's own body limit needs the global Request to be replaced, so it is not used.

import type { MiddlewareHandler } from 'hono'
import type { AppEnv } from '../access/principal.ts'
import { Problem } from './problem.ts'

/** The largest body is one with the key file of a service account. */
const MAX_BODY_BYTES = 256 * 1024

const WITHOUT_BODY = new Set(['GET', 'HEAD', 'TRACE'])

/** Throws Problem 413 for a body that is too large, and 422 for text that cannot be stored. */
export function readBody(): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    if (!WITHOUT_BODY.has(c.req.method)) {
      if (Number(c.req.header('content-length') ?? 0) > MAX_BODY_BYTES) throw tooLarge()
      const text = await textOf(c.req.raw.body).catch((error: unknown) => {
        if (error instanceof Problem || !c.req.raw.signal.aborted) throw error
        // Nobody reads the answer, and it is no fault of this program.
        throw new Problem(400, 'The connection broke before the body was complete.')
      })
      if (isJson(c.req.header('content-type'))) refuseUnstorableText(text)
      c.req.raw = withBody(c.req.raw, text)
    }
    await next()
  }
}

/** The same request with a body that can be read again. */
function withBody({ url, method, headers }: Request, text: string): Request {
  if (text !== '') return new Request(url, { method, headers, body: text })
  // Clients announce JSON out of habit, also without a body.
  const plain = new Headers(headers)
  plain.delete('content-type')
  return new Request(url, { method, headers: plain })
}

async function textOf(body: ReadableStream<Uint8Array> | null): Promise<string> {
  if (body === null) return ''
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of body) {
    bytes += chunk.byteLength
    if (bytes > MAX_BODY_BYTES) throw tooLarge()
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function tooLarge(): Problem {
  return new Problem(413, `The body is larger than ${MAX_BODY_BYTES / 1024} KiB.`)
}

function isJson(contentType: string | undefined): boolean {
  return contentType?.toLowerCase().includes('json') === true
}

/** PostgreSQL stores neither NUL nor half a surrogate pair. */
function refuseUnstorableText(text: string): void {
  if (text !== '' && hasUnstorableText(parse(text))) {
    throw new Problem(422, 'The body has a NUL character or broken Unicode in it.', { code: 'invalid_input' })
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new Problem(400, 'The body is not the JSON that was announced.')
  }
}

/** Not recursive, so that deep nesting cannot overflow the stack. */
function hasUnstorableText(root: unknown): boolean {
  const open = [root]
  while (open.length > 0) {
    const value = open.pop()
    if (typeof value === 'string' && !isStorable(value)) return true
    if (typeof value !== 'object' || value === null) continue
    for (const [key, inner] of Object.entries(value)) {
      if (!isStorable(key)) return true
      open.push(inner)
    }
  }
  return false
}

function isStorable(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed()
}
