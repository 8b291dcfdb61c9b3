#!/usr/bin/env node
// The `cloud-sync` command. It is plain JavaScript that any Node runs. It finds the Node of the packages (24, which runs
// TypeScript as it is) and passes everything on to cli.ts. It knows none of the commands.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const OLDEST_NODE = 24
const here = dirname(fileURLToPath(import.meta.url))
const name = process.platform === 'win32' ? 'node.exe' : 'node'
// Installed by itself, or beside this package in the node_modules of another one.
const candidates = [
  join(here, '..', 'node_modules', 'node', 'bin', name),
  join(here, '..', '..', 'node', 'bin', name),
]
const node =
  candidates.find((path) => existsSync(path)) ??
  (Number(process.versions.node.split('.')[0]) >= OLDEST_NODE ? process.execPath : undefined)

if (node === undefined) {
  process.stderr.write(
    `cloud-sync: this needs Node ${OLDEST_NODE} or later: run npm ci in the program's folder\n`,
  )
  process.exitCode = 2
} else {
  // Node's warnings about experimental features do not concern the person who runs a command.
  const child = spawn(
    node,
    ['--disable-warning=ExperimentalWarning', join(here, 'cli.ts'), ...process.argv.slice(2)],
    {
      stdio: 'inherit',
    },
  )
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('error', (error) => {
    process.stderr.write(`cloud-sync: ${node} does not run: ${error.message}\n`)
    process.exitCode = 2
  })
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? (signal === 'SIGINT' ? 130 : 1)
  })
}
