// What a benchmark and the process of an emulator say to each other over Node's IPC channel: JSON, checked on arrival.

import { z } from 'zod'
import { PROVIDER_KINDS } from '../../workflows/types.ts'

export const cloudSchema = z.object({
  kind: z.enum(PROVIDER_KINDS),
  port: z.number(),
  /** Endpoint variables that point straight to this emulator. */
  env: z.record(z.string(), z.string()),
  credentials: z.record(z.string(), z.unknown()),
  settings: z.record(z.string(), z.unknown()),
  /** An rclone remote of the same account; `key_file` is the content of a file that it asks for. */
  rclone: z.object({ config: z.record(z.string(), z.string()), key_file: z.string().nullable() }),
})

export const stateSchema = z.object({
  files: z.array(z.object({ path: z.string(), size: z.number() })),
  /** Bytes of archives that arrived, repeats counted. */
  bytes: z.number(),
  requests: z.number(),
  open_sessions: z.number(),
})

export const fromEmulator = z.discriminatedUnion('is', [
  /** Asks for a certificate of the benchmark's authority, so that one CA stands for all clouds. */
  z.object({ is: z.literal('names'), names: z.array(z.string()) }),
  z.object({ is: z.literal('ready'), cloud: cloudSchema }),
  z.object({ is: z.literal('state'), state: stateSchema }),
])

export const toEmulator = z.discriminatedUnion('is', [
  z.object({ is: z.literal('certificate'), cert: z.string(), key: z.string() }),
  /** `forget`: counts from zero afterwards. */
  z.object({ is: z.literal('ask'), forget: z.boolean() }),
])

export type FromEmulator = z.infer<typeof fromEmulator>
export type ToEmulator = z.infer<typeof toEmulator>
/** What there is to know of an emulator in another process. */
export type CloudFacts = z.infer<typeof cloudSchema>
export type CloudState = z.infer<typeof stateSchema>
