import assert from 'node:assert/strict'
import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { newFernetKey } from '../../../db/secrets/fernet.ts'
import { KeyFileError, loadOrCreateKeys, readKeyFile, replaceKeyFile } from '../../../db/secrets/key-file.ts'
import { keyFingerprint } from '../../../db/secrets/key-fingerprint.ts'

describe('the key file', () => {
  let folder: string
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cloud-sync-keys-'))
  })
  after(() => rm(folder, { recursive: true }))

  const refusal = (pattern: RegExp) => (error: unknown) =>
    error instanceof KeyFileError && pattern.test(error.message)

  async function fileWith(name: string, text: string, mode = 0o600): Promise<string> {
    const path = join(folder, name)
    await writeFile(path, text)
    await chmod(path, mode)
    return path
  }

  it('the key file is made at the first start, for its owner only, and read at the next', async () => {
    const path = join(folder, 'new', 'secret.key')
    const made = await loadOrCreateKeys(path, { sealedRowsExist: false })
    assert.equal(made.length, 1)
    assert.equal((await stat(path)).mode & 0o777, 0o600)
    assert.equal((await stat(join(folder, 'new'))).mode & 0o777, 0o700)
    assert.deepEqual(await readdir(join(folder, 'new')), ['secret.key'])
    assert.deepEqual(await loadOrCreateKeys(path, { sealedRowsExist: true }), made)
  })

  it('the key file has one key when several processes start at once', async () => {
    const path = join(folder, 'race', 'secret.key')
    const all = await Promise.all(
      Array.from({ length: 8 }, () => loadOrCreateKeys(path, { sealedRowsExist: false })),
    )
    assert.equal(new Set(all.flat()).size, 1)
    assert.deepEqual(await readdir(join(folder, 'race')), ['secret.key'])
  })

  it('the key file is never made anew while the database holds sealed rows', async () => {
    const path = join(folder, 'lost', 'secret.key')
    await assert.rejects(
      loadOrCreateKeys(path, { sealedRowsExist: true }),
      refusal(/missing.*SECRET_KEY_FILE/s),
    )
    await assert.rejects(stat(join(folder, 'lost')), /ENOENT/)
  })

  for (const mode of [0o640, 0o604, 0o620, 0o666]) {
    it(`a key file with mode ${mode.toString(8)} is refused`, async () => {
      const path = await fileWith(`mode-${mode.toString(8)}`, newFernetKey(), mode)
      await assert.rejects(loadOrCreateKeys(path, { sealedRowsExist: false }), refusal(/chmod 600/))
    })
  }

  it('a key file may hold several keys, blank lines and CRLF; the first comes first', async () => {
    const [one, two] = [newFernetKey(), newFernetKey()]
    const path = await fileWith('several', `${one}\r\n\n${two}\n`)
    assert.deepEqual(await loadOrCreateKeys(path, { sealedRowsExist: true }), [one, two])
  })

  it('a malformed key file is refused by line number, without the line being quoted', async () => {
    const path = await fileWith('malformed', `${newFernetKey()}\nsomething-secret\n`)
    await assert.rejects(
      loadOrCreateKeys(path, { sealedRowsExist: false }),
      (error) => refusal(/Line 2/)(error) && !String(error).includes('something-secret'),
    )
  })

  it('an empty key file is refused and left as it is', async () => {
    const path = await fileWith('empty', '\n')
    await assert.rejects(loadOrCreateKeys(path, { sealedRowsExist: false }), refusal(/holds no key/))
    assert.equal(await readFile(path, 'utf8'), '\n')
  })

  it('a folder in the place of the key file is refused', async () => {
    await assert.rejects(loadOrCreateKeys(folder, { sealedRowsExist: false }), KeyFileError)
  })

  it('a key file is replaced where a link to it leads, and stays for its owner only', async () => {
    const path = await fileWith('linked', newFernetKey())
    await symlink(path, `${path}.link`)
    const keys = [newFernetKey(), newFernetKey()]
    await replaceKeyFile(`${path}.link`, keys)
    assert.deepEqual(await readKeyFile(path), keys)
    assert.equal((await stat(path)).mode & 0o777, 0o600)
    assert.ok((await lstat(`${path}.link`)).isSymbolicLink())
  })

  it('a key file that cannot be replaced leaves no draft with its keys behind', async () => {
    // Stands for a file that is mounted by itself: it cannot be replaced by renaming either.
    const path = join(folder, 'fixed', 'secret.key')
    await mkdir(path, { recursive: true })
    await assert.rejects(
      replaceKeyFile(path, [newFernetKey()]),
      refusal(/cannot be replaced \(EISDIR\).*Nothing was changed/),
    )
    assert.deepEqual(await readdir(join(folder, 'fixed')), ['secret.key'])
  })

  it('a key is named by a fingerprint of 8 hex digits', () => {
    assert.match(keyFingerprint(newFernetKey()), /^[0-9a-f]{8}$/)
  })
})
