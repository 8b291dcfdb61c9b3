// A process of its own for bundling the workflows: webpack leaves 150 MiB of memory behind, which a worker that runs for
// months would keep. Writes the bundle to standard output, and nothing else.

import { fileURLToPath } from 'node:url'
import { bundleWorkflowCode } from '@temporalio/worker'

const silent = () => undefined
const { code } = await bundleWorkflowCode({
  workflowsPath: fileURLToPath(new URL('../../workflows/index.ts', import.meta.url)),
  // webpack reports every module; what fails is thrown anyway.
  logger: { log: silent, trace: silent, debug: silent, info: silent, warn: silent, error: silent },
})
process.stdout.write(code)
