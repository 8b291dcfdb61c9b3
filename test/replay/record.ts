// Records the histories of typical runs as they are written today, for replay.test.ts: run it once a release, and whenever
// the workflows change on purpose (`node_modules/.bin/node test/replay/record.ts`). The emulated clouds make the content
// worthless to anybody; IDs are random.

import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { findTemporalCli } from '../../temporal-dev/cli/find-cli.ts'
import { EMULATORS } from '../support/clouds.ts'
import { createTestSystem, type TestSystem } from '../support/system.ts'
import { until } from '../support/until.ts'

const LARGE = 24 * 1024 * 1024

const silent = { info: () => undefined, warn: () => undefined }
const cli = await findTemporalCli({ environment: process.env, log: silent })
const system = await createTestSystem([EMULATORS.dropbox])
const [cloud] = system.clouds
if (cloud === undefined) throw new Error('there is no cloud')
const { slug, bindings } = await system.bind({ keep_last: 1 })
const accountId = bindings[0]?.account_id ?? ''

const archive = (name: string, bytes: number) => system.writeArchive(`${slug}/${name}`, randomBytes(bytes))

const first = await system.sync({ instance: slug, archive: await archive('first.zip', 1000) })
await save(system, 'uploaded', first.run_id)
cloud.server.faults.add({ operation: 'upload', times: 2, action: { kind: 'status', status: 503 } })
const second = await system.sync({ instance: slug, archive: await archive('second.zip', 1000) })
await save(system, 'retried-and-pruned', second.run_id)
cloud.server.faults.add({ operation: 'chunk', action: { kind: 'stall_after', bytes: 1000 } })
const third = await system.start({ instance: slug, archive: await archive('third.zip', LARGE) })
await until('the upload hangs', async () =>
  cloud.server.requests.some((request) => request.fault === 'stall_after') ? true : null,
)
await third.cancel()
await third.result().catch(() => undefined)
await save(system, 'cancelled', third.runId)
cloud.server.faults.clear()
await system.close()

async function save({ temporal }: TestSystem, name: string, runId: string): Promise<void> {
  const parent = `cloud-sync/${slug}/${runId}`
  for (const [kind, workflowId] of [
    ['run', parent],
    ['destination', `${parent}/${accountId}`],
  ] as const) {
    const asked = ['workflow', 'show', '--address', temporal.address, '-w', workflowId, '--output', 'json']
    const { stdout } = await promisify(execFile)(cli, asked, { maxBuffer: 64 * 1024 * 1024 })
    const path = fileURLToPath(new URL(`./${name}.${kind}.json`, import.meta.url))
    await writeFile(path, `${JSON.stringify(JSON.parse(stdout))}\n`)
  }
}
