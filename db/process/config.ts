// The program's settings, read from the environment and checked once. All problems are reported together, each with the
// name of the variable and what to do; a value is never quoted, because it may be a secret. Read elsewhere are Temporal's
// own variables (TLS, API key: @temporalio/envconfig, where the client is made), those of the commands that talk to the
// API (CLOUD_SYNC_URL, API_TOKEN), and what belongs to the machine (PATH for child processes, pip's settings).

import { isIP } from 'node:net'
import { resolve } from 'node:path'
import { z } from 'zod'

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** `asked` tells a port that someone chose from a default: a busy default moves on, a busy choice is an error. */
export type ConfiguredPort = { readonly port: number; readonly asked: boolean }

/** Roots of the providers' APIs: https, without a trailing slash. */
export type Endpoints = {
  readonly googleApiRoot: string
  readonly googleTokenUrl: string
  readonly dropboxApiRoot: string
  readonly dropboxContentRoot: string
  readonly microsoftGraphRoot: string
  readonly microsoftAuthorityRoot: string
}

export type Config = {
  /** All paths are absolute. */
  readonly dataDir: string
  readonly backupRoot: string
  readonly secretKeyFile: string
  /** Holds a password: never logged. Null: embedded PostgreSQL. */
  readonly databaseUrl: string | null
  /** Null: embedded Temporal server. */
  readonly temporalAddress: string | null
  readonly temporalNamespace: string
  readonly temporalPort: ConfiguredPort
  readonly temporalUiPort: ConfiguredPort
  /** Where people reach Temporal's Web UI, for links; null: the embedded server's, or none. Without a trailing slash. */
  readonly temporalUiUrl: string | null
  readonly temporalCli: string | null
  readonly taskQueue: string
  /** The queue of archives on this host's disk, when this process serves one. */
  readonly archiveTaskQueue: string | null
  /** True when BACKUP_ROOT is the one that all workers without a queue of their own share. */
  readonly sharedArchives: boolean
  readonly host: string
  readonly port: ConfiguredPort
  readonly adminPassword: string | null
  readonly apiToken: string | null
  /** Addresses and networks of reverse proxies whose X-Forwarded-* headers are believed; none by default. */
  readonly trustedProxies: readonly string[]
  readonly logLevel: LogLevel
  readonly endpoints: Endpoints
  /** Uploads into one account at once, over all workers. */
  readonly uploadsPerAccount: number
  /** Uploads in this process at once. */
  readonly uploadSlots: number
  /** HTTPS_PROXY, NO_PROXY and the like, as they are: the way out to the providers. */
  readonly proxyEnv: Readonly<Record<string, string>>
}

export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  /** One sentence a problem, each naming its variable. */
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(`The environment needs correcting:\n${problems.map((problem) => `  ${problem}`).join('\n')}`)
    this.problems = problems
  }
}

const DEFAULT_PORTS = { TEMPORAL_PORT: 7233, TEMPORAL_UI_PORT: 8233, PORT: 8080 } as const

const PROXY_VARIABLES = [
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'NO_PROXY',
  'http_proxy',
  'https_proxy',
  'no_proxy',
] as const

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

const variables = z.object({
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

type Environment = Readonly<Record<string, string | undefined>>

/** Throws ConfigError, with every problem at once. An empty variable counts as unset. */
export function loadConfig(env: Environment = process.env): Config {
  const given = Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => {
      const text = value?.trim() ?? ''
      return text === '' ? [] : [[name, isPassword(name) ? (value ?? '') : text]]
    }),
  )
  const parsed = variables.safeParse(given)
  if (!parsed.success) {
    throw new ConfigError(parsed.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}.`))
  }
  const set = parsed.data
  const configuredPort = (name: keyof typeof DEFAULT_PORTS): ConfiguredPort => ({
    port: set[name] ?? DEFAULT_PORTS[name],
    asked: set[name] !== undefined,
  })
  return {
    dataDir: set.DATA_DIR,
    backupRoot: set.BACKUP_ROOT ?? resolve(set.DATA_DIR, 'backups'),
    secretKeyFile: set.SECRET_KEY_FILE ?? resolve(set.DATA_DIR, 'secret.key'),
    databaseUrl: set.DATABASE_URL ?? null,
    temporalAddress: set.TEMPORAL_ADDRESS ?? null,
    temporalNamespace: set.TEMPORAL_NAMESPACE,
    temporalPort: configuredPort('TEMPORAL_PORT'),
    temporalUiPort: configuredPort('TEMPORAL_UI_PORT'),
    temporalUiUrl: set.TEMPORAL_UI_URL ?? null,
    temporalCli: set.TEMPORAL_CLI ?? null,
    taskQueue: set.TASK_QUEUE,
    archiveTaskQueue: set.ARCHIVE_TASK_QUEUE ?? null,
    sharedArchives:
      set.SHARED_ARCHIVES === undefined ? set.ARCHIVE_TASK_QUEUE === undefined : set.SHARED_ARCHIVES === '1',
    host: set.HOST,
    port: configuredPort('PORT'),
    adminPassword: set.ADMIN_PASSWORD ?? null,
    apiToken: set.API_TOKEN ?? null,
    trustedProxies: set.TRUSTED_PROXIES,
    logLevel: set.LOG_LEVEL,
    endpoints: {
      googleApiRoot: set.GOOGLE_API_ROOT,
      googleTokenUrl: set.GOOGLE_TOKEN_URL,
      dropboxApiRoot: set.DROPBOX_API_ROOT,
      dropboxContentRoot: set.DROPBOX_CONTENT_ROOT,
      microsoftGraphRoot: set.MICROSOFT_GRAPH_ROOT,
      microsoftAuthorityRoot: set.MICROSOFT_AUTHORITY_ROOT,
    },
    uploadsPerAccount: set.UPLOADS_PER_ACCOUNT,
    uploadSlots: set.UPLOAD_SLOTS,
    proxyEnv: Object.fromEntries(
      PROXY_VARIABLES.flatMap((name) => (given[name] === undefined ? [] : [[name, given[name]]])),
    ),
  }
}

/** Spaces around a password belong to it. Those around a token, such as a newline of its file, reach no server. */
function isPassword(name: string): boolean {
  return name === 'ADMIN_PASSWORD'
}
