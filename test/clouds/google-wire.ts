// Bare HTTPS to the emulated Google Drive, without our own client: for the tests of the emulator's honesty.

import { createSign } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import https from 'node:https'
import { gunzipSync } from 'node:zlib'
import { z } from 'zod'
import { createTestAuthority, trustHere } from './certificates.ts'
import { DRIVE_SCOPE, type GoogleDouble, startGoogleEmulator } from './google/index.ts'

export const authority = await createTestAuthority()
trustHere(authority)
const REAL_TOKEN_URL = 'https://oauth2.googleapis.com/token'
export const UPLOAD = '/upload/drive/v3/files?uploadType=resumable&supportsAllDrives=true'
export const FLAGS = 'supportsAllDrives=true&includeItemsFromAllDrives=true'
export const UNIT = 256 * 1024

/** The fields of all answers that these tests look at; the others are kept as they are. */
const jsonSchema = z.looseObject({
  access_token: z.string().default(''),
  token_type: z.string().default(''),
  error_description: z.string().default(''),
  error: z.union([z.string(), z.object({ errors: z.array(z.object({ reason: z.string() })) })]).optional(),
  user: z.object({ emailAddress: z.string() }).optional(),
  ids: z.array(z.string()).default([]),
  files: z.array(z.unknown()).default([]),
  id: z.string().default(''),
})

export type Answer = {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  readonly json: z.infer<typeof jsonSchema>
}
export type Ask = {
  readonly headers?: Record<string, string>
  readonly body?: string | Buffer
  readonly host?: string
}

/** One request straight to the emulator, under whichever host name. */
export function ask(
  google: GoogleDouble,
  method: string,
  path: string,
  { headers, body, host }: Ask = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = https.request(
      {
        ...{ host: '127.0.0.1', port: google.server.port, method, path, agent: false },
        ...(host ? { servername: host } : {}),
        headers: {
          ...(host ? { Host: host } : {}),
          'Content-Length': Buffer.byteLength(body ?? ''),
          ...headers,
        },
      },
      async (incoming) => {
        const pieces: Buffer[] = []
        for await (const piece of incoming) pieces.push(piece)
        const bytes = Buffer.concat(pieces)
        const text = (incoming.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes).toString()
        const isJson = incoming.headers['content-type']?.startsWith('application/json') === true
        resolve({
          status: incoming.statusCode ?? 0,
          headers: incoming.headers,
          text,
          json: jsonSchema.parse(isJson ? JSON.parse(text) : {}),
        })
      },
    )
    request.on('error', reject)
    request.end(body)
  })
}

export function assertion(
  google: GoogleDouble,
  claims: Record<string, unknown> = {},
  key = google.keyFile.private_key ?? '',
): string {
  const iat = Math.floor(Date.now() / 1000)
  const all = {
    iss: google.serviceAccount,
    scope: DRIVE_SCOPE,
    aud: REAL_TOKEN_URL,
    iat,
    exp: iat + 3600,
    ...claims,
  }
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const unsigned = `${encode({ alg: 'RS256' })}.${encode(all)}`
  return `${unsigned}.${createSign('RSA-SHA256').update(unsigned).sign(key, 'base64url')}`
}

export function askToken(google: GoogleDouble, jwt: string, host?: string): Promise<Answer> {
  const form = new URLSearchParams({
    grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
    assertion: jwt,
  })
  return ask(google, 'POST', '/token', { body: form.toString(), ...(host ? { host } : {}) })
}

export async function bearer(
  google: GoogleDouble,
  claims: Record<string, unknown> = {},
): Promise<Record<string, string>> {
  const { json } = await askToken(google, assertion(google, claims))
  return { Authorization: `Bearer ${json.access_token}` }
}

export function reasonOf({ json: { error } }: Answer): string | undefined {
  return typeof error === 'object' ? error.errors[0]?.reason : error
}

export async function openSession(
  google: GoogleDouble,
  size: number,
  metadata: Record<string, unknown> = {},
): Promise<Answer> {
  return ask(google, 'POST', UPLOAD, {
    headers: { ...(await bearer(google)), 'X-Upload-Content-Length': String(size) },
    body: JSON.stringify({ name: 'a.zip', parents: [google.world.sharedFolderId], ...metadata }),
  })
}

export async function sessionPath(
  google: GoogleDouble,
  size: number,
  metadata?: Record<string, unknown>,
): Promise<string> {
  const { headers } = await openSession(google, size, metadata)
  const url = new URL(headers.location ?? '')
  return url.pathname + url.search
}

export function put(
  google: GoogleDouble,
  path: string,
  range: string,
  body: Buffer = Buffer.alloc(0),
): Promise<Answer> {
  return ask(google, 'PUT', path, { headers: { 'Content-Range': range }, body })
}

export async function disposable(
  options: Parameters<typeof startGoogleEmulator>[1],
): Promise<GoogleDouble & AsyncDisposable> {
  const google = await startGoogleEmulator(authority, options)
  return { ...google, [Symbol.asyncDispose]: () => google.close() }
}
