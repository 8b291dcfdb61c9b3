// `cloud-sync rotate-key`: works directly on the key file and the database, beside the running program. It never shows a key,
// only its fingerprint.

import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Db, openDatabase } from '../../db/database.ts'
import { isDatabaseAway } from '../../db/database-errors.ts'
import { embeddedPostgresUrl } from '../../db/embedded/url.ts'
import { ConfigError, loadConfig } from '../../db/process/config.ts'
import { KeyFileError } from '../../db/secrets/key-file.ts'
import {
  dropOldKeys,
  type Rotation,
  RotationCutShort,
  resealWithFirst,
  rotateKey,
  stageKey,
} from '../../db/secrets/key-rotation.ts'
import { KeyChangeUnderWay } from '../../db/secrets/key-rotation-lock.ts'
import { EXIT, type ExitCode, Failed, type Output } from './command.ts'

export const ROTATE_KEY_USAGE = `cloud-sync rotate-key [--add | --use-added | --resume | --drop-old]
  Puts a new key in front of the key file and seals every credential and upload session with it; nothing needs to be
  stopped. Where several hosts have a copy of the file: --add on one, copy the file to all, then --use-added.
  --add         adds a key that does not seal yet
  --use-added   moves the added key to the front and seals everything with it
  --resume      seals what is left with the first key, after a rotation that was stopped
  --drop-old    takes the old keys out of the file; refused while a sealed value needs one
  One at a time: while another rotate-key works on the same database or key file, this one is refused.
  Reads DATA_DIR, SECRET_KEY_FILE and DATABASE_URL like the program itself, which must be running.
`

/** Resolves with the exit code. Throws Failed. */
export async function rotateKeyCommand(args: readonly string[], output: Output): Promise<ExitCode> {
  const step = parse(args)
  const config = readConfig()
  if (step === 'add') {
    const fingerprint = await readable(() => stageKey(config.secretKeyFile))
    output.print(
      `key ${fingerprint} was added; copy ${config.secretKeyFile} to every host, then run --use-added\n`,
    )
    return EXIT.ok
  }
  const db = openDatabase(config.databaseUrl ?? (await embeddedUrl(config.dataDir)), {
    log: { warn: () => {} },
  })
  try {
    return await readable(() => carryOut(step, db, config.secretKeyFile, output))
  } finally {
    await db.destroy()
  }
}

type Step = 'rotate' | 'add' | 'use-added' | 'resume' | 'drop-old'

async function carryOut(step: Step, db: Db, path: string, output: Output): Promise<ExitCode> {
  if (step === 'drop-old') {
    const dropped = await dropOldKeys(db, path)
    output.print(dropped.length === 0 ? 'there was no old key\n' : `dropped ${dropped.join(', ')}\n`)
    return EXIT.ok
  }
  const rotation =
    step === 'resume'
      ? await resealWithFirst(db, path)
      : await rotateKey(db, path, { staged: step === 'use-added' })
  return tell(rotation, output)
}

function tell({ fingerprint, resealed, left }: Rotation, output: Output): ExitCode {
  output.print(`key ${fingerprint} seals now; ${resealed} values were sealed with it, ${left} are left\n`)
  if (left === 0) return EXIT.ok
  output.complain('cloud-sync: no key opens what is left: enter the credentials of those accounts again\n')
  return EXIT.failed
}

function parse(args: readonly string[]): Step {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        add: { type: 'boolean' },
        'use-added': { type: 'boolean' },
        resume: { type: 'boolean' },
        'drop-old': { type: 'boolean' },
      },
    })
    const steps = (['add', 'use-added', 'resume', 'drop-old'] as const).filter(
      (name) => values[name] === true,
    )
    if (steps.length > 1) throw new Failed(EXIT.badInput, 'one step at a time')
    return steps[0] ?? 'rotate'
  } catch (error) {
    if (error instanceof TypeError) throw new Failed(EXIT.badInput, `${error.message}\n\n${ROTATE_KEY_USAGE}`)
    throw error
  }
}

function readConfig() {
  try {
    return loadConfig()
  } catch (error) {
    if (error instanceof ConfigError) throw new Failed(EXIT.badInput, error.message)
    throw error
  }
}

async function embeddedUrl(dataDir: string): Promise<string> {
  const url = await embeddedPostgresUrl(join(dataDir, 'postgres'))
  if (url !== null) return url
  throw new Failed(EXIT.badInput, `there is no embedded database in ${dataDir}: set DATA_DIR or DATABASE_URL`)
}

async function readable<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof KeyChangeUnderWay) throw new Failed(EXIT.failed, error.message)
    if (error instanceof RotationCutShort)
      throw new Failed(isDatabaseAway(error.cause) ? EXIT.unreachable : EXIT.failed, error.message)
    if (error instanceof KeyFileError) throw new Failed(EXIT.badInput, error.message)
    if (isDatabaseAway(error))
      throw new Failed(
        EXIT.unreachable,
        'the database cannot be reached: is the program running? Nothing was changed.',
      )
    throw error
  }
}
