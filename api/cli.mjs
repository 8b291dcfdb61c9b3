#!/usr/bin/env node
// The `cloud-sync` command. Plain JavaScript that any Node runs: finds the Node that the packages bring (24: it runs
// TypeScript as it is) and hands everything on to cli.ts. Knows nothing of the commands.
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
  // A warning about an experimental feature of Node is nothing to the person who runs a command.
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
