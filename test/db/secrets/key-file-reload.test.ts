// A running program and its key file: what it takes over, and what it only warns of.

import assert from 'node:assert/strict'
import { chmod, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, describe, it } from 'node:test'
import { inspect } from 'node:util'
import { newFernetKey } from '../../../db/secrets/fernet.ts'
import { openKeyFileVault } from '../../../db/secrets/key-file-reload.ts'
import { keyFingerprint } from '../../../db/secrets/key-fingerprint.ts'

const [one, two, three] = [newFernetKey(), newFernetKey(), newFernetKey()]

describe('a vault that follows its key file', () => {
  let folder: string
  let path: string
  let said: string[]
  const log = {
    info: (...args: readonly unknown[]) => said.push(`info ${inspect(args)}`),
    warn: (...args: readonly unknown[]) => said.push(`warn ${inspect(args)}`),
  }
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cloud-sync-vault-'))
  })
  after(() => rm(folder, { recursive: true, force: true }))
  beforeEach(async () => {
    said = []
    path = join(folder, newFernetKey())
    await write(one)
  })

  const write = (text: string, mode = 0o600) => writeFile(path, `${text}\n`, { mode })
  const vaultOf = () => openKeyFileVault(path, [one], log)

  it('a vault takes no keys from a file that has become open to others, until it is closed again', async () => {
    const vault = vaultOf()
    await write(`${two}\n${one}`)
    await chmod(path, 0o644)
    assert.equal(vault.fingerprint, keyFingerprint(one))
    assert.match(said.join('\n'), /^warn .*chmod 600/s)
    await chmod(path, 0o600)
    assert.equal(vault.fingerprint, keyFingerprint(two))
    assert.equal(said.length, 2)
  })

  it('a vault warns once of a file that it cannot use, and again of the next one', async () => {
    const vault = vaultOf()
    await write('no key at all')
    for (let count = 0; count < 5; count += 1) assert.equal(vault.fingerprint, keyFingerprint(one))
    assert.equal(said.length, 1)
    await write('neither is this, which is longer')
    for (let count = 0; count < 5; count += 1) vault.seal('row', 'field', 'value')
    assert.equal(said.length, 2)
    await write(`${three}\n${one}`)
    for (let count = 0; count < 5; count += 1) assert.equal(vault.fingerprint, keyFingerprint(three))
    assert.deepEqual([said.length, said[2]?.startsWith('info')], [3, true])
  })

  it('a vault goes on with its keys while the file is away, and says so once', async () => {
    const vault = vaultOf()
    const token = vault.seal('row', 'field', 'value')
    await rename(path, `${path}.away`)
    for (let count = 0; count < 3; count += 1) assert.equal(vault.open('row', 'field', token), 'value')
    assert.equal(said.length, 1)
    assert.match(said.join('\n'), /^warn .*ENOENT/s)
    await rename(`${path}.away`, path)
    assert.equal(vault.open('row', 'field', token), 'value')
    assert.equal(said.length, 1)
  })
})
