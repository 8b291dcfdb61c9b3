// The form of each environment variable and its default. The problem of a variable is told without its value.

import { isIP } from 'node:net'
import { resolve } from 'node:path'
import { z } from 'zod'

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

const port = z
  .string()
  .regex(/^\d{1,5}$/, 'must be a port number from 0 to 65535')
  .transform(Number)
  .refine((value) => value <= 65_535, 'must be a port number from 0 to 65535')

function count(min: number, max: number) {
  const message = `must be a whole number from ${min} to ${max}`
  return z
    .string()
    .regex(/^\d{1,6}$/, message)
    .transform(Number)
    .refine((value) => value >= min && value <= max, message)
}

const absolutePath = z.string().transform((path) => resolve(path))

const queueName = z
  .string()
  .max(200)
  .regex(/^[^\s/][^\s]*$/, 'must be a task queue name without spaces')

const databaseUrl = z.string().refine((text) => {
  return URL.canParse(text) && ['postgres:', 'postgresql:'].includes(new URL(text).protocol)
}, 'must be a URL such as postgresql://user:password@host:5432/database')

const endpoint = z
  .string()
  .refine(isHttpsRoot, {
    message:
      'must be an https:// URL without user name, query or fragment: correct it, or unset it for the public host',
  })
  .transform((text) => text.replace(/\/+$/, ''))

const webAddress = z
  .url({
    protocol: /^https?$/,
    message: 'must be an http:// or https:// URL, such as https://temporal.example.com',
  })
  .transform((text) => text.replace(/\/+$/, ''))

function isHttpsRoot(text: string): boolean {
  if (!URL.canParse(text)) {
    return false
  }
  const url = new URL(text)
  return (
    url.protocol === 'https:' &&
    url.username === '' &&
    url.password === '' &&
    url.search === '' &&
    url.hash === ''
  )
}

const proxies = z.string().transform((text, context) => {
  const entries = text.split(',').map((entry) => entry.trim())
  if (entries.every(isAddressOrNetwork)) return entries
  context.addIssue({
    code: 'custom',
    message: 'must be addresses or networks such as 127.0.0.1,10.0.0.0/8, with commas between them',
  })
  return z.NEVER
})

function isAddressOrNetwork(entry: string): boolean {
  const [address = '', prefix, ...more] = entry.split('/')
  const bits = isIP(address) === 4 ? 32 : 128
  const isPrefix = prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= bits)
  return isIP(address) !== 0 && isPrefix && more.length === 0
}

/** An empty variable must be left out: here it is a value like any other. */
export const variables = z.object({
  DATA_DIR: absolutePath.default(() => resolve('data')),
  BACKUP_ROOT: absolutePath.optional(),
  SECRET_KEY_FILE: absolutePath.optional(),
  DATABASE_URL: databaseUrl.optional(),
  TEMPORAL_ADDRESS: z.string().optional(),
  TEMPORAL_NAMESPACE: z.string().default('default'),
  TEMPORAL_PORT: port.optional(),
  TEMPORAL_UI_PORT: port.optional(),
  TEMPORAL_UI_URL: webAddress.optional(),
  TEMPORAL_CLI: absolutePath.optional(),
  TASK_QUEUE: queueName.default('cloud'),
  ARCHIVE_TASK_QUEUE: queueName.optional(),
  SHARED_ARCHIVES: z
    .enum(['0', '1'], { error: 'must be 1 where BACKUP_ROOT is shared by the workers, else 0 or unset' })
    .optional(),
  HOST: z.string().default('127.0.0.1'),
  PORT: port.optional(),
  ADMIN_PASSWORD: z.string().optional(),
  API_TOKEN: z.string().optional(),
  TRUSTED_PROXIES: proxies.default([]),
  LOG_LEVEL: z.enum(LOG_LEVELS, { error: `must be one of ${LOG_LEVELS.join(', ')}` }).default('info'),
  GOOGLE_API_ROOT: endpoint.default('https://www.googleapis.com'),
  GOOGLE_TOKEN_URL: endpoint.default('https://oauth2.googleapis.com/token'),
  DROPBOX_API_ROOT: endpoint.default('https://api.dropboxapi.com'),
  DROPBOX_CONTENT_ROOT: endpoint.default('https://content.dropboxapi.com'),
  MICROSOFT_GRAPH_ROOT: endpoint.default('https://graph.microsoft.com'),
  MICROSOFT_AUTHORITY_ROOT: endpoint.default('https://login.microsoftonline.com'),
  UPLOADS_PER_ACCOUNT: count(1, 100).default(2),
  UPLOAD_SLOTS: count(1, 200).default(8),
})
