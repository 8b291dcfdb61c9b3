// The `cloud-sync` command: picks the subcommand, and turns a failure into one sentence and an exit code.

import { EXIT, Failed, type Output } from './commands/command.ts'
import { IMPORT_USAGE, importCommand } from './commands/import.ts'
import { ROTATE_KEY_USAGE, rotateKeyCommand } from './commands/rotate-key.ts'
import { UPLOAD_USAGE, upload } from './commands/upload.ts'

const COMMANDS = {
  upload: { run: upload, usage: UPLOAD_USAGE },
  'rotate-key': { run: rotateKeyCommand, usage: ROTATE_KEY_USAGE },
  import: { run: importCommand, usage: IMPORT_USAGE },
} as const

const usage = `Usage: cloud-sync COMMAND …

${Object.values(COMMANDS)
  .map((command) => command.usage)
  .join('\n')}
Environment
  CLOUD_SYNC_URL  where the API is (default http://127.0.0.1:8080)
  API_TOKEN       the token for it; or --token-file FILE. Never an argument: others can see those

Exit codes
  0  done; with --wait: uploaded to every destination
  1  a destination failed, the run was cancelled, or nothing is bound to the instance
  2  bad input, usage or token
  3  the API cannot be reached, or a part of it is away
`

/** Resolves with the exit code. */
export async function main(args: readonly string[], output: Output): Promise<number> {
  const [name, ...rest] = args
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    output.print(usage)
    return name === undefined ? EXIT.badInput : EXIT.ok
  }
  try {
    if (!isCommand(name))
      throw new Failed(EXIT.badInput, `there is no command "${name}"; see cloud-sync help`)
    return await COMMANDS[name].run(rest, output)
  } catch (error) {
    if (!(error instanceof Failed)) throw error
    output.complain(`cloud-sync: ${error.message}\n`)
    return error.exitCode
  }
}

function isCommand(name: string): name is keyof typeof COMMANDS {
  return Object.hasOwn(COMMANDS, name)
}

process.exitCode = await main(process.argv.slice(2), {
  print: (text) => process.stdout.write(text),
  complain: (text) => process.stderr.write(text),
})
