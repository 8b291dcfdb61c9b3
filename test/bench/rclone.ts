// rclone, where it is on PATH, sending the same file to the same emulator through the same proxy: the measure of the field.
// It reads a configuration of its own, and nothing of the person's.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, constants, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import type { ProviderKind } from '../../workflows/types.ts'
import type { CloudFacts } from './emulator-messages.ts'
import { plainEnvironment } from './environment.ts'
import { peakBytes } from './process-figures.ts'

export type RcloneVariant = { readonly title: string; readonly flags: readonly string[] }

/** The defaults first. */
export const VARIANTS: Readonly<Record<ProviderKind, readonly RcloneVariant[]>> = {
  google_drive: [
    { title: 'rclone, 8 MiB (default)', flags: [] },
    { title: 'rclone, 64 MiB', flags: ['--drive-chunk-size', '64M'] },
    { title: 'rclone, 256 MiB', flags: ['--drive-chunk-size', '256M'] },
  ],
  dropbox: [
    { title: 'rclone, 48 MiB (default)', flags: [] },
    { title: 'rclone, 128 MiB', flags: ['--dropbox-chunk-size', '128M', '--dropbox-batch-mode', 'off'] },
  ],
  onedrive: [
    { title: 'rclone, 10 MiB (default)', flags: [] },
    // 160 times 320 KiB, as this program sends.
    { title: 'rclone, 50 MiB', flags: ['--onedrive-chunk-size', '51200k'] },
  ],
}

export type RcloneFigures = {
  readonly wallMs: number
  readonly cpuSeconds: number
  readonly peakBytes: number
}

export interface Rclone {
  copy(file: string, cloud: CloudFacts, name: string, variant: RcloneVariant): Promise<RcloneFigures>
}

const PEAK_POLL_MS = 20
const DEADLINE_MS = 300_000

export async function isOnPath(): Promise<boolean> {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const isThere = await access(join(folder, 'rclone'), constants.X_OK).then(
      () => true,
      () => false,
    )
    if (isThere) return true
  }
  return false
}

/** Writes the configuration of all remotes into `directory`; each is called by its cloud's kind. */
export async function createRclone(
  directory: string,
  clouds: readonly CloudFacts[],
  way: { readonly proxyUrl: string; readonly caFile: string },
): Promise<Rclone> {
  const configFile = join(directory, 'rclone.conf')
  const sections: string[] = []
  for (const { kind, rclone } of clouds) {
    const lines = Object.entries(rclone.config).map(([name, value]) => `${name} = ${value}`)
    if (rclone.key_file !== null) {
      const keyFile = join(directory, `${kind}.json`)
      await writeFile(keyFile, rclone.key_file, { mode: 0o600 })
      lines.push(`service_account_file = ${keyFile}`)
    }
    sections.push(`[${kind}]\n${lines.join('\n')}\n`)
  }
  await writeFile(configFile, sections.join('\n'), { mode: 0o600 })
  const env = {
    ...plainEnvironment(),
    HTTPS_PROXY: way.proxyUrl,
    SSL_CERT_FILE: way.caFile,
    RCLONE_CONFIG: configFile,
  }
  return {
    copy: (file, cloud, name, variant) =>
      measured(
        [
          ...['copyto', file, `${cloud.kind}:odoo-backups/rclone/${name}`],
          ...['--retries', '1', '--low-level-retries', '2', ...variant.flags],
        ],
        env,
      ),
  }
}

/**
 * Runs under a shell, because `times` is the one portable way to the processor time of a process that has ended. The peak
 * is polled: what it grows by in its last 20 ms is not seen.
 */
async function measured(args: readonly string[], env: NodeJS.ProcessEnv): Promise<RcloneFigures> {
  const script = 'rclone "$@" & echo "pid $!"; wait "$!"; echo "code $?"; times'
  const startedAt = performance.now()
  const shell = spawn('sh', ['-c', script, 'sh', ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const gone = once(shell, 'close')
  let errors = ''
  shell.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text
  })
  let pid: number | undefined
  let code: number | undefined
  let wallMs = 0
  let peak = 0
  let children = ''
  createInterface({ input: shell.stdout }).on('line', (line) => {
    const [word, value] = line.split(' ')
    if (word === 'pid') pid = Number(value)
    else if (word === 'code') {
      code = Number(value)
      wallMs = performance.now() - startedAt
      pid = undefined
    } else children = line
  })
  const poll = setInterval(() => {
    if (pid === undefined) return
    peakBytes(pid).then(
      (bytes) => {
        peak = Math.max(peak, bytes)
      },
      // It has just ended.
      () => undefined,
    )
  }, PEAK_POLL_MS)
  const bound = setTimeout(() => pid !== undefined && process.kill(pid, 'SIGKILL'), DEADLINE_MS)
  await gone
  clearInterval(poll)
  clearTimeout(bound)
  if (code !== 0) throw new Error(`rclone ended with ${code}: ${errors.trim()}`)
  // The last line of `times` is of the children: '0m1.230000s 0m0.450000s'.
  const seconds = [...children.matchAll(/(\d+)m([\d.]+)s/g)].map(
    ([, minutes, rest]) => Number(minutes) * 60 + Number(rest),
  )
  return { wallMs, cpuSeconds: seconds.reduce((sum, each) => sum + each, 0), peakBytes: peak }
}
