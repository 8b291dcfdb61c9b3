// `cloud-sync upload`: reports a finished backup to the API and, with --wait, follows the run to its end. The command makes
// the run's ID itself, so that a request that is repeated after a lost answer starts no second upload.

import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import type { z } from 'zod'
import type { DestinationState } from '../../workflows/types.ts'
import { runSchema } from '../schemas/runs.ts'
import { createApiClient } from './api-client.ts'
import { EXIT, type ExitCode, Failed, type Output } from './command.ts'

export const UPLOAD_USAGE = `cloud-sync upload --instance SLUG FILE [options]
  Uploads a finished backup to every destination of the instance.
  FILE                absolute, relative to this folder, or relative to BACKUP_ROOT
  --database NAME     the database in the archive
  --run-id ID         your own ID of the run: the same one twice gives the same run
  --queue NAME        task queue of the worker on the host that has the archive
  --wait              wait until every destination is settled; shows the progress
  --url URL           instead of CLOUD_SYNC_URL
  --token-file FILE   instead of API_TOKEN
`

const LOOK_EVERY_MS = 1_000

type Run = z.infer<typeof runSchema>

/** Resolves with the exit code. Throws Failed. */
export async function upload(args: readonly string[], output: Output): Promise<ExitCode> {
  const { values, file } = parse(args)
  const client = await createApiClient({ url: values.url, tokenFile: values['token-file'] })
  const run = await client.request('POST', '/api/runs', runSchema, {
    instance: values.instance,
    archive: archivePath(file),
    run_id: values['run-id'] ?? randomUUID(),
    ...(values.database === undefined ? {} : { database: values.database }),
    ...(values.queue === undefined ? {} : { archive_task_queue: values.queue }),
  })
  output.print(`run ${run.id}: ${run.instance}, ${run.archive}\n`)
  const warning = keepingAdvice(run)
  if (warning !== null) output.complain(`cloud-sync: ${warning}\n`)
  if (values.wait !== true) return EXIT.ok

  const report = createReport(output)
  let seen = run
  while (seen.cloud_status === 'pending') {
    report(seen)
    await delay(LOOK_EVERY_MS)
    seen = await client.request('GET', `/api/runs/${encodeURIComponent(run.id)}`, runSchema)
  }
  report(seen)
  return conclude(seen, output)
}

function parse(args: readonly string[]) {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        instance: { type: 'string' },
        database: { type: 'string' },
        'run-id': { type: 'string' },
        queue: { type: 'string' },
        wait: { type: 'boolean' },
        url: { type: 'string' },
        'token-file': { type: 'string' },
      },
    })
    const [file, ...more] = positionals
    if (values.instance === undefined || file === undefined || more.length > 0) {
      throw new Failed(EXIT.badInput, `--instance and one FILE are needed\n\n${UPLOAD_USAGE}`)
    }
    return { values, file }
  } catch (error) {
    if (error instanceof TypeError) throw new Failed(EXIT.badInput, `${error.message}\n\n${UPLOAD_USAGE}`)
    throw error
  }
}

/** The full path of a file that exists here. Anything else stays as it is: the worker looks for it under BACKUP_ROOT. */
function archivePath(file: string): string {
  const path = resolve(file)
  return existsSync(path) ? path : file
}

/** Null when the file may be deleted: it is linked, or no destination needs it any more. */
function keepingAdvice({ id, pin, cloud_status }: Run): string | null {
  if (pin === 'linked' || cloud_status !== 'pending') return null
  if (pin === 'original') {
    return 'accepted, but the file cannot be linked there: keep it where it is until the run has ended'
  }
  return `accepted, but not kept yet, because nobody could see the file: keep it until the run says otherwise (GET /api/runs/${id}?wait=pinned)`
}

/** Prints a line per destination whenever its status or its whole percentage has changed. */
function createReport(output: Output): (run: Run) => void {
  const printed = new Map<string, string>()
  return (run) => {
    for (const [accountId, state] of Object.entries(run.cloud_sync_status)) {
      const line = describe(state)
      if (printed.get(accountId) === line) continue
      printed.set(accountId, line)
      output.print(`${state.account}: ${line}\n`)
    }
  }
}

function describe({ status, size, bytes_sent, error, remote_path }: DestinationState): string {
  if (status === 'uploaded') return `uploaded to ${remote_path ?? '?'}`
  if (error !== null) return `${status}: ${error.message}`
  if (status === 'uploading' && size !== null && size > 0) {
    return `uploading ${Math.floor((bytes_sent / size) * 100)} % of ${(size / 1_048_576).toFixed(1)} MiB`
  }
  return status
}

function conclude(run: Run, output: Output): ExitCode {
  switch (run.cloud_status) {
    case 'uploaded':
      output.print('uploaded to every destination\n')
      return EXIT.ok
    case 'none':
      output.complain(
        `cloud-sync: instance ${run.instance} has no enabled destination: nothing was uploaded\n`,
      )
      return EXIT.failed
    case 'cancelled':
      output.complain('cloud-sync: the run was cancelled: not every destination has its copy\n')
      return EXIT.failed
    default:
      output.complain(`cloud-sync: ${run.error?.message ?? 'not every destination has its copy'}\n`)
      return EXIT.failed
  }
}
