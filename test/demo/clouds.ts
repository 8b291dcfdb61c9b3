// The three clouds of the demo: the emulators of test/clouds over TLS in this process, with a certificate authority of
// their own, filled with the copies of the days before.

import { randomBytes } from 'node:crypto'
import { createTestAuthority, writeAuthority } from '../clouds/certificates.ts'
import type { CloudDouble } from '../clouds/cloud-double.ts'
import { startDropboxEmulator } from '../clouds/dropbox/index.ts'
import { startGoogleEmulator } from '../clouds/google/index.ts'
import { startMicrosoftEmulator } from '../clouds/microsoft/index.ts'
import { type Line, startLine } from './line.ts'
import { BYSTANDER, INSTANCES, olderCopies, remoteFolder } from './scenario.ts'

/** Only their names, dates and order matter: the older copies are small. */
const OLDER_COPY_BYTES = 64 * 1024

export type DemoClouds = {
  readonly all: readonly CloudDouble[]
  /** What the program needs in its environment to reach them, and to trust them. */
  readonly env: Readonly<Record<string, string>>
  close(): Promise<void>
}

/** Starts the three, each behind a line of `bytesPerSecond`; the authority's certificate is written into `directory`. */
export async function startClouds(directory: string, bytesPerSecond: number): Promise<DemoClouds> {
  const authority = await createTestAuthority()
  // Contents are hashed and forgotten: hundreds of MiB would only fill the memory.
  const options = { keepContent: false }
  const all: CloudDouble[] = [
    await startGoogleEmulator(authority, options),
    await startDropboxEmulator(authority, options),
    await startMicrosoftEmulator(authority, options),
  ]
  const lines = await Promise.all(all.map((cloud) => startLine(cloud.server.port, bytesPerSecond)))
  const caFile = await writeAuthority(authority, directory)
  return {
    all,
    env: Object.assign(
      { NODE_EXTRA_CA_CERTS: caFile },
      ...all.map((cloud, index) => throughLine(cloud, lines[index])),
    ),
    close: async () => {
      await Promise.all([...lines, ...all].map((each) => each.close()))
    },
  }
}

/** The endpoints of a cloud, at the near end of its line. */
function throughLine(cloud: CloudDouble, line: Line | undefined): Record<string, string> {
  const near = `https://127.0.0.1:${line?.port}`
  return Object.fromEntries(
    Object.entries(cloud.env).map(([name, address]) => [name, address.replace(cloud.server.origin, near)]),
  )
}

/** Puts the copies of earlier days where retention will find them; returns how many. */
export function addOlderCopies(clouds: readonly CloudDouble[], now: Date): number {
  let count = 0
  for (const instance of INSTANCES) {
    for (const binding of instance.bindings) {
      const cloud = clouds.find(({ kind }) => kind === binding.provider)
      const folder = remoteFolder(instance.slug)
      for (const copy of olderCopies(instance, binding, now).toReversed()) {
        cloud?.putFile(`${folder}/${copy.name}`, randomBytes(OLDER_COPY_BYTES), copy.uploadedAt.toISOString())
        count += 1
      }
      cloud?.putFile(`${folder}/${BYSTANDER}`, Buffer.from('Ask operations.\n'), '2025-01-01T00:00:00Z')
    }
  }
  return count
}

export type Cut = {
  isDone(): boolean
  /** Bytes of archives that Google Drive received, those that came twice among them. */
  receivedBytes(): number
}

/** Cuts the connection of the next upload to Google Drive after so many bytes, once. */
export function cutOneUpload(clouds: readonly CloudDouble[], afterBytes: number): Cut {
  const google = clouds.find(({ kind }) => kind === 'google_drive')
  if (google === undefined) throw new Error('there is no Google Drive to cut off')
  const struck = google.server.faults.add({
    operation: 'chunk',
    action: { kind: 'reset_after', bytes: afterBytes },
  })
  return { isDone: () => struck() > 0, receivedBytes: () => google.server.bytesReceived('chunk') }
}
