// The `cloud-sync` command as people and scripts run it: a process of its own.

import { execFile } from 'node:child_process'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'

const CLI = fileURLToPath(new URL('../../../api/cli.mjs', import.meta.url))
export const TOKEN = 'token-of-the-command-test'

export type Ended = { readonly code: number; readonly out: string; readonly err: string }

export function run(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  cwd = tmpdir(),
): Promise<Ended> {
  const options = { env: { PATH: process.env.PATH, ...env }, cwd }
  return new Promise((resolve) => {
    execFile(process.execPath, [CLI, ...args], options, (error, out, err) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, err })
    })
  })
}
