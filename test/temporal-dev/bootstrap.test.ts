// The bootstrap, in a small clone of its own: it has this project's Node and a package-lock.json, and npm is a script
// that records how it is called.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { until } from '../support/until.ts'

const project = dirname(dirname(import.meta.dirname))
const packages = {
  '': {},
  'node_modules/a': { version: '1.0.0' },
  'node_modules/other-platform': { version: '1.0.0', optional: true },
  'node_modules/for-tests': { version: '1.0.0', dev: true },
}

/** `script`, of util-linux, gives a program a terminal. */
const noTerminal =
  spawnSync('script', ['-qec', 'npm --version', '/dev/null']).status === 0
    ? false
    : 'npm and the program script of util-linux are needed'

let clone = ''

beforeEach(async () => {
  clone = await mkdtemp(join(tmpdir(), 'cloud-sync-clone-'))
  await mkdir(join(clone, 'temporal-dev'))
  await mkdir(join(clone, 'test'))
  await cp(join(project, 'temporal-dev', 'bootstrap.mjs'), join(clone, 'temporal-dev', 'bootstrap.mjs'))
  await writeFile(join(clone, 'package-lock.json'), JSON.stringify({ packages }))
  await writeFile(join(clone, 'npm-cli.cjs'), npm)
  await writeFile(
    join(clone, 'script.ts'),
    'const said: string[] = process.argv.slice(2)\nconsole.log(said)\n',
  )
  await cp(join(clone, 'script.ts'), join(clone, 'test', 'script.ts'))
})

afterEach(async () => {
  await rm(clone, { recursive: true, force: true })
})

// Installs what the lock file says, as far as the environment lets it.
const npm = `
const fs = require('node:fs')
fs.appendFileSync(__dirname + '/calls', process.argv[2] + '\\n')
console.log('npm talks')
if (process.env.BROKEN?.split(',').includes(process.argv[2])) process.exit(1)
const { packages } = JSON.parse(fs.readFileSync(__dirname + '/package-lock.json', 'utf8'))
delete packages['']
delete packages['node_modules/other-platform']
setTimeout(() => {
  fs.mkdirSync(__dirname + '/node_modules', { recursive: true })
  fs.writeFileSync(__dirname + '/node_modules/.package-lock.json', JSON.stringify({ packages }))
}, 300)
`

async function installed(versions: Record<string, unknown>): Promise<void> {
  await mkdir(join(clone, 'node_modules'), { recursive: true })
  await writeFile(join(clone, 'node_modules', '.package-lock.json'), JSON.stringify({ packages: versions }))
}

async function calls(): Promise<string[]> {
  return (await readdir(clone)).includes('calls')
    ? (await readFile(join(clone, 'calls'), 'utf8')).trim().split('\n')
    : []
}

function start(args: readonly string[], environment: Record<string, string> = {}): ChildProcess {
  return spawn(process.execPath, ['temporal-dev/bootstrap.mjs', ...args], {
    cwd: clone,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, npm_execpath: join(clone, 'npm-cli.cjs'), ...environment },
  })
}

async function finish(child: ChildProcess) {
  let output = ''
  let errors = ''
  child.stdout?.setEncoding('utf8').on('data', (text) => {
    output += text
  })
  child.stderr?.setEncoding('utf8').on('data', (text) => {
    errors += text
  })
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve) => {
    child.once('close', (...ended) => resolve(ended))
  })
  return { code, signal, output, errors }
}

const whole = { 'node_modules/a': { version: '1.0.0' }, 'node_modules/for-tests': { version: '1.0.0' } }

describe('the bootstrap', () => {
  it('installs what is missing before it runs the script, and keeps npm off the output', async () => {
    const { code, output, errors } = await finish(start(['script.ts', '--once', 'a b']))
    assert.equal(code, 0)
    assert.equal(output, "[ '--once', 'a b' ]\n")
    assert.match(errors, /^cloud-sync: installing packages \(they are not installed\)[^\n]*\n$/)
    assert.deepEqual(await calls(), ['ci'])
  })

  it('is silent and installs nothing when the packages are those of the lock file', async () => {
    await installed(whole)
    const { code, errors } = await finish(start(['script.ts']))
    assert.deepEqual({ code, errors }, { code: 0, errors: '' })
    assert.deepEqual(await calls(), [])
  })

  it('installs again when a version differs', async () => {
    await installed({ ...whole, 'node_modules/a': { version: '0.9.0' } })
    const { errors } = await finish(start(['script.ts']))
    assert.match(errors, /node_modules\/a is 0\.9\.0, not 1\.0\.0/)
    assert.deepEqual(await calls(), ['ci'])
  })

  it('needs the development packages for tests only', async () => {
    await installed({ 'node_modules/a': { version: '1.0.0' } })
    await finish(start(['script.ts']))
    assert.deepEqual(await calls(), [])
    await finish(start(['test/script.ts']))
    assert.deepEqual(await calls(), ['ci'])
  })

  it('falls back to npm install where npm ci refuses the lock file', async () => {
    const { code, errors } = await finish(start(['script.ts'], { BROKEN: 'ci' }))
    assert.equal(code, 0)
    assert.match(errors, /npm ci failed with code 1: trying npm install --no-save/)
    assert.deepEqual(await calls(), ['ci', 'install'])
  })

  it('shows what npm says and fails when nothing can be installed', async () => {
    const { code, output, errors } = await finish(start(['script.ts'], { BROKEN: 'ci,install' }))
    assert.equal(code, 1)
    assert.equal(output, '')
    assert.match(errors, /npm talks[\s\S]*cannot be installed/)
    assert.ok(!(await readdir(clone)).includes('.install.lock'))
  })

  it('installs once when two are started at the same time', async () => {
    const both = await Promise.all([finish(start(['script.ts', '1'])), finish(start(['script.ts', '2']))])
    assert.deepEqual(
      both.map(({ code }) => code),
      [0, 0],
    )
    assert.deepEqual(await calls(), ['ci'])
    assert.ok(!(await readdir(clone)).includes('.install.lock'))
  })

  it('prefers the Node that the packages bring', async () => {
    await installed(whole)
    await mkdir(join(clone, 'node_modules', 'node', 'bin'), { recursive: true })
    await symlink(process.execPath, join(clone, 'node_modules', 'node', 'bin', 'node'))
    await writeFile(join(clone, 'script.ts'), 'console.log(process.argv0)')
    const { output } = await finish(start(['script.ts']))
    assert.equal(output.trim(), join(clone, 'node_modules', 'node', 'bin', 'node'))
  })

  it('only installs when asked to', async () => {
    const { code, output } = await finish(start(['--install-only']))
    assert.deepEqual({ code, output }, { code: 0, output: '' })
    assert.deepEqual(await calls(), ['ci'])
  })

  it('ends as the script ends, by code or by signal', async () => {
    await installed(whole)
    await writeFile(join(clone, 'script.ts'), 'process.exitCode = 7')
    assert.equal((await finish(start(['script.ts']))).code, 7)
    await writeFile(join(clone, 'script.ts'), "process.kill(process.pid, 'SIGKILL')")
    assert.equal((await finish(start(['script.ts']))).signal, 'SIGKILL')
  })

  it('hands on a signal that reaches it alone, and waits for the script', async () => {
    await installed(whole)
    await writeFile(
      join(clone, 'script.ts'),
      "const t = setInterval(() => {}, 1000)\nprocess.on('SIGTERM', () => { clearInterval(t); process.exitCode = 5 })\nconsole.log('ready')",
    )
    const child = start(['script.ts'])
    child.stdout?.once('data', () => child.kill('SIGTERM'))
    assert.equal((await finish(child)).code, 5)
  })

  describe('below npm', { skip: noTerminal }, () => {
    // Ends a while after it was asked to, and leaves a file then.
    const slowToEnd = `
import { existsSync, renameSync, writeFileSync } from 'node:fs'
const stay = setInterval(() => {}, 1000)
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    writeFileSync('signals.new', signal)
    renameSync('signals.new', 'signals')
    const look = setInterval(() => {
      if (!existsSync('end')) return
      writeFileSync('ended', '')
      clearInterval(look)
      clearInterval(stay)
    }, 20)
  })
console.log('ready')
`
    const has = async (name: string) => ((await readdir(clone)).includes(name) ? true : null)
    const environment = () => {
      // Of this very run of npm nothing is known below: it is another one.
      const own = Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name))
      return Object.fromEntries(own)
    }
    const started = async (command: string, args: readonly string[]) => {
      await installed(whole)
      await writeFile(join(clone, 'script.ts'), slowToEnd)
      const scripts = { start: 'node temporal-dev/bootstrap.mjs script.ts' }
      await writeFile(join(clone, 'package.json'), JSON.stringify({ type: 'module', scripts }))
      await mkdir(join(clone, 'node_modules', 'node', 'bin'), { recursive: true })
      await symlink(process.execPath, join(clone, 'node_modules', 'node', 'bin', 'node'))
      const child = spawn(command, args, {
        cwd: clone,
        stdio: ['pipe', 'pipe', 'inherit'],
        env: environment(),
      })
      const ended = once(child, 'exit')
      let said = ''
      child.stdout.setEncoding('utf8').on('data', (text) => {
        said += text
      })
      await until('the script is ready', async () => (said.includes('ready') ? true : null))
      return { child, ended }
    }

    it('keeps npm at a terminal until the script has ended after Ctrl-C', async () => {
      const { child, ended } = await started('script', ['-qec', 'npm start', '/dev/null'])
      child.stdin.write('\u0003')
      await until('the script is stopping', () => has('signals'))
      await writeFile(join(clone, 'end'), '')
      await ended
      assert.equal(await readFile(join(clone, 'signals'), 'utf8'), 'SIGINT')
      assert.ok(await has('ended'))
    })

    it('tells the script to end when npm was ended, since npm and its shell do not', async () => {
      const { child, ended } = await started('npm', ['start'])
      child.kill('SIGTERM')
      await until('the script is stopping', () => has('signals'))
      await writeFile(join(clone, 'end'), '')
      await ended
      await until('the script has ended', () => has('ended'))
      assert.equal(await readFile(join(clone, 'signals'), 'utf8'), 'SIGTERM')
    })
  })
})
