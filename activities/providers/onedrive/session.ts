// What is kept of an upload between attempts. `upload_url` is a credential in itself: the engine seals the session.

import { z } from 'zod'
import type { UploadSession } from '../provider.ts'

const common = {
  created_at: z.iso.datetime(),
  drive_id: z.string().min(1),
  folder_id: z.string().min(1),
  /** The name that the file shall have. */
  name: z.string().min(1),
}

const sessionSchema = z.discriminatedUnion('kind', [
  /** A small file goes in one request: there is nothing at the provider to go on with. */
  z.object({ ...common, kind: z.literal('single') }),
  z.object({
    ...common,
    kind: z.literal('fragments'),
    upload_url: z.url({ protocol: /^https$/ }),
    /** Differs from `name` where a forgotten session holds that one: renamed at the end. */
    upload_name: z.string().min(1),
  }),
])

export type GraphSession = z.infer<typeof sessionSchema>
export type FragmentSession = Extract<GraphSession, { kind: 'fragments' }>

/** Null for a session of a shape that this version does not know: it cannot be gone on with. */
export function readSession(session: UploadSession): GraphSession | null {
  return sessionSchema.safeParse(session).data ?? null
}
