// A program that starts the Temporal server (arguments: CLI, folder), and is killed.
import { startTemporalServer } from '../../../temporal-dev/server/server.ts'

const [cli = '', directory = ''] = process.argv.slice(2)
const log = { info: () => undefined, warn: () => undefined }
await startTemporalServer({ cli, directory, port: 0, portAsked: false, uiPort: 0, uiPortAsked: false, log })
process.kill(process.pid, 'SIGKILL')
