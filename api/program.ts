// What runs here, as package.json pins it.

import { createRequire } from 'node:module'
import { z } from 'zod'

const packageSchema = z.object({
  version: z.string(),
  dependencies: z.object({ '@temporalio/client': z.string() }),
})
const { version, dependencies } = packageSchema.parse(createRequire(import.meta.url)('../package.json'))

export const PROGRAM_VERSION = version
export const TEMPORAL_SDK_VERSION = dependencies['@temporalio/client']
