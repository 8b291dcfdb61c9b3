// The Temporal CLI from the place where the Temporal SDKs get theirs. The service answers a version and a platform
// with the address of an archive; it publishes no checksum, so the proof is HTTPS and the version that the binary states.
import { z } from 'zod'
import { readArchiveEntry } from './archive-entry.ts'
import { CLI_VERSION } from './cli-release.ts'
import { download } from './download.ts'

const OFFICIAL_ROOT = 'https://temporal.download'

const archiveInfo = z.object({ archiveUrl: z.string(), fileToExtract: z.string() })

/** The bytes of the binary for this machine. `root` is for tests. Throws when offline, unknown or damaged. */
export async function fetchOfficial(root = OFFICIAL_ROOT, signal?: AbortSignal): Promise<Buffer> {
  const query = new URLSearchParams({
    platform: process.platform === 'win32' ? 'windows' : process.platform,
    arch: process.arch === 'x64' ? 'amd64' : process.arch,
    format: 'tar.gz',
  })
  const answer = await download(`${root}/cli/v${CLI_VERSION}?${query}`, {
    accept: 'application/json',
    signal,
  })
  const info = archiveInfo.parse(JSON.parse(answer.toString('utf8')))
  if (new URL(info.archiveUrl).protocol !== new URL(root).protocol) {
    throw new Error('the archive is offered over another protocol')
  }
  const archive = await download(info.archiveUrl, { signal })
  return await readArchiveEntry(archive, info.fileToExtract.slice(info.fileToExtract.lastIndexOf('/') + 1))
}
