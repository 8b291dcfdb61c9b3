// Sending a file (docs/providers.md, 3.2): a small one in one request, a larger one in fragments.

import { createChunkPace } from '../../chunk-pace.ts'
import type { ArchiveSource, ArrivedFile, SendContext, UploadTarget } from '../../provider.ts'
import type { GraphSession } from '../session.ts'
import type { UploadDeps } from './deps.ts'
import { FRAGMENT_UNIT_BYTES, type FragmentUploads, sendFragments } from './send-fragments.ts'
import { sendWhole } from './send-whole.ts'

/** Microsoft recommends 10 MiB and a good line earns more; a broken fragment is lost as a whole (docs/providers.md, 3.2). */
const START_BYTES = 32 * FRAGMENT_UNIT_BYTES
const BROKEN_BYTES = 8 * FRAGMENT_UNIT_BYTES

export interface Upload {
  send(
    target: UploadTarget,
    session: GraphSession,
    source: ArchiveSource,
    offset: number,
    context: SendContext,
  ): Promise<ArrivedFile>
}

export function createUpload(deps: UploadDeps): Upload {
  const pace = createChunkPace({
    unitBytes: FRAGMENT_UNIT_BYTES,
    startBytes: START_BYTES,
    maxBytes: deps.fragmentBytes,
    brokenBytes: BROKEN_BYTES,
  })
  const uploads: FragmentUploads = { ...deps, pace, isToBoundary: false }
  return {
    send: (target, session, source, offset, context) =>
      session.kind === 'single'
        ? sendWhole(deps, target, session, source, context)
        : sendFragments(uploads, target, session, source, offset, context),
  }
}
