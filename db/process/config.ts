// The program's settings, read from the environment and checked once. All problems are reported together, each with the
// name of the variable and what to do; a value is never quoted, because it may be a secret. Read elsewhere are Temporal's
// own variables (TLS, API key: @temporalio/envconfig, where the client is made), those of the commands that talk to the
// API (CLOUD_SYNC_URL, API_TOKEN), and what belongs to the machine (PATH for child processes, pip's settings).

import { resolve } from 'node:path'
import { type LogLevel, variables } from './environment.ts'

/** `asked` tells a port that someone chose from a default: a busy default moves on, a busy choice is an error. */
type ConfiguredPort = { readonly port: number; readonly asked: boolean }

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
  /** One sentence per problem, each with the name of its variable. */
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
