// Passwords: Argon2id with the cost that OWASP recommends, stored as a PHC string, and the few rules for a new password.
// Checking the password of a user who does not exist takes as long as checking a wrong one.

import { argon2, randomBytes, randomInt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { COMMON_PASSWORDS } from './common-passwords.ts'

const derive = promisify(argon2)

/** OWASP Password Storage Cheat Sheet: 19 MiB, 2 passes, 1 lane. */
const COST = { memory: 19_456, passes: 2, parallelism: 1 } as const
const SALT_BYTES = 16
const HASH_BYTES = 32
const MIN_LENGTH = 8
/** Long enough for any passphrase, short enough to hash quickly. */
const MAX_LENGTH = 256

/** As a PHC string, with a new salt. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES)
  const hash = await digest(password, salt, COST)
  const { memory, passes, parallelism } = COST
  return `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${unpadded(salt)}$${unpadded(hash)}`
}

const PHC = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/

/** `stored` null: the user does not exist, and the answer is false after the same time. */
export async function verifyPassword(password: string, stored: string | null): Promise<boolean> {
  const parts = stored === null ? null : PHC.exec(stored)
  if (parts === null) {
    await digest(password, randomBytes(SALT_BYTES), COST)
    return false
  }
  const [, memory, passes, parallelism, salt = '', hash = ''] = parts
  const cost = { memory: Number(memory), passes: Number(passes), parallelism: Number(parallelism) }
  const expected = Buffer.from(hash, 'base64')
  const found = await digest(password, Buffer.from(salt, 'base64'), cost)
  return found.length === expected.length && timingSafeEqual(found, expected)
}

async function digest(
  password: string,
  nonce: Buffer,
  cost: { memory: number; passes: number; parallelism: number },
): Promise<Buffer> {
  const message = Buffer.from(password.normalize('NFC'), 'utf8')
  return derive('argon2id', { message, nonce, tagLength: HASH_BYTES, ...cost })
}

/** PHC strings use base64 without padding. */
function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '')
}

/** What is wrong with a new password; null when nothing is. */
export function passwordFault(password: string, username: string): string | null {
  const { length } = [...password]
  if (length < MIN_LENGTH) return `must have at least ${MIN_LENGTH} characters; 15 or more are advised`
  if (length > MAX_LENGTH) return `must have at most ${MAX_LENGTH} characters`
  const lower = password.toLowerCase()
  const simple = lower.replace(/[^a-z]/g, '')
  const isCommon = COMMON_PASSWORDS.has(lower) || COMMON_PASSWORDS.has(simple) || new Set(lower).size < 4
  if (isCommon || simple === 'cloudsync' || lower.includes(username.toLowerCase())) {
    return 'is too easy to guess: choose another one'
  }
  return null
}

/** Without characters that look alike. */
const ALPHABET = 'abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789'

/** A password of 117 bits for the first user. */
export function makePassword(): string {
  return Array.from({ length: 20 }, () => ALPHABET[randomInt(ALPHABET.length)]).join('')
}
