// Runs a program of the embedded servers to its end, in a session of its own, so that Ctrl-C in the terminal does not
// reach it.
import { spawn } from 'node:child_process'

export type Finished = { readonly code: number | null; readonly output: string }

type RunOptions = {
  readonly cwd: string
  readonly user?: { readonly uid: number; readonly gid: number } | undefined
  /** Ends the program by SIGTERM; the result then has the code null. */
  readonly signal?: AbortSignal | undefined
}

/** Collects both output streams, the last 20,000 characters; rejects only when the program cannot be started. */
export function runProgram(
  file: string,
  args: readonly string[],
  { cwd, user, signal }: RunOptions,
): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      cwd,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      // Nothing of ours leaks in: no PG* variable, no locale that is not installed, no secret.
      env: { PATH: process.env.PATH ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' },
      ...user,
    })
    const end = () => child.kill('SIGTERM')
    signal?.addEventListener('abort', end, { once: true })
    if (signal?.aborted) end()
    let output = ''
    const collect = (text: string) => {
      output = (output + text).slice(-20_000)
    }
    child.stdout.setEncoding('utf8').on('data', collect)
    child.stderr.setEncoding('utf8').on('data', collect)
    child.on('error', reject)
    child.on('close', (code) => {
      signal?.removeEventListener('abort', end)
      resolve({ code, output })
    })
  })
}
