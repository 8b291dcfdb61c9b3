// Fernet tokens, as specified at github.com/fernet/spec and as Python's cryptography.fernet reads and writes
// them: version 0x80, time, IV, AES-128-CBC, HMAC-SHA256, urlsafe base64 with padding. The npm package makes
// and decrypts the tokens; it accepts tokens of a wrong length, padding or alphabet and compares nothing in
// constant time, so everything that decides whether a token is genuine is done here, before and after it.

import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import fernet from 'fernet'

export class FernetError extends Error {
  override readonly name = 'FernetError'
}

const KEY_BYTES = 32
const SIGNING_KEY_BYTES = 16
const BLOCK_BYTES = 16
const HMAC_BYTES = 32
/** Version (1), time (8), IV (16). */
const HEADER_BYTES = 25
const IV_OFFSET = 9
const VERSION = 0x80
const MAX_CLOCK_SKEW_MS = 60_000
const URLSAFE_BASE64 = /^[A-Za-z0-9_-]+={0,2}$/

/** The bytes of urlsafe base64 with padding; null when it is anything else, or not in its one canonical form. */
function decodeBase64(text: string): Buffer | null {
  if (text.length % 4 !== 0 || !URLSAFE_BASE64.test(text)) {
    return null
  }
  const bytes = Buffer.from(text, 'base64url')
  return encodeBase64(bytes) === text ? bytes : null
}

function encodeBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replaceAll('+', '-').replaceAll('/', '_')
}

/** A new random key: 32 bytes in urlsafe base64. */
export function newFernetKey(): string {
  return encodeBase64(randomBytes(KEY_BYTES))
}

export function isFernetKey(text: string): boolean {
  return decodeBase64(text)?.length === KEY_BYTES
}

function secretOf(key: string): fernet.Secret {
  if (!isFernetKey(key)) {
    throw new FernetError('the key is not 32 bytes of urlsafe base64')
  }
  return new fernet.Secret(key)
}

type SealOptions = {
  /** Milliseconds since 1970; default: now. */
  readonly now?: number
  /** 16 bytes; default: random. Given by test vectors only: an IV must never be used twice. */
  readonly iv?: Uint8Array
}

export function fernetSeal(key: string, text: string, options: SealOptions = {}): string {
  const secret = secretOf(key)
  const iv = options.iv ?? randomBytes(BLOCK_BYTES)
  if (iv.length !== BLOCK_BYTES) {
    throw new FernetError('the IV must have 16 bytes')
  }
  const seconds = Math.floor((options.now ?? Date.now()) / 1000)
  return tokenOf(secret, seconds, Buffer.from(iv).toString('hex'), text)
}

function tokenOf(secret: fernet.Secret, seconds: number, ivHex: string, text: string): string {
  const iv = fernet.Hex.parse(ivHex)
  // timeBytes divides by 1000 and takes 0 for "now", which no token is older than
  const time = fernet.timeBytes(seconds * 1000)
  return fernet.createToken(
    secret.signingKey,
    time,
    iv,
    fernet.encryptMessage(text, secret.encryptionKey, iv),
  )
}

type OpenOptions = {
  /** Milliseconds since 1970; default: now. */
  readonly now?: number
  /** Without it the age of a token does not matter. */
  readonly ttlSeconds?: number
}

/** The text inside; throws FernetError, which says nothing of the token or key, when the token is not genuine. */
export function fernetOpen(key: string, token: string, options: OpenOptions = {}): string {
  const secret = secretOf(key)
  const bytes = decodeBase64(token)
  if (bytes === null || bytes.length < HEADER_BYTES + BLOCK_BYTES + HMAC_BYTES || bytes[0] !== VERSION) {
    throw new FernetError('not a Fernet token')
  }
  const signed = bytes.subarray(0, -HMAC_BYTES)
  const signingKey = Buffer.from(key, 'base64url').subarray(0, SIGNING_KEY_BYTES)
  const hmac = createHmac('sha256', signingKey).update(signed).digest()
  if (!timingSafeEqual(hmac, bytes.subarray(-HMAC_BYTES))) {
    throw new FernetError('the token was sealed with another key, or changed')
  }
  const seconds = Number(bytes.readBigUInt64BE(1))
  checkAge(seconds, options)

  const cipherText = signed.subarray(HEADER_BYTES)
  if (cipherText.length % BLOCK_BYTES !== 0) {
    throw new FernetError('the payload is no whole number of blocks')
  }
  return decrypt(secret, bytes.subarray(IV_OFFSET, HEADER_BYTES), cipherText)
}

function checkAge(seconds: number, options: OpenOptions): void {
  if (options.ttlSeconds === undefined) {
    return
  }
  const ageMs = (options.now ?? Date.now()) - seconds * 1000
  if (ageMs > options.ttlSeconds * 1000) {
    throw new FernetError('the token has expired')
  }
  if (ageMs < -MAX_CLOCK_SKEW_MS) {
    throw new FernetError('the token comes from the future')
  }
}

/** The package strips any padding: only a text that encrypts to the same bytes again was padded rightly. */
function decrypt(secret: fernet.Secret, ivBytes: Buffer, cipherText: Buffer): string {
  const iv = fernet.Hex.parse(ivBytes.toString('hex'))
  let text: string
  try {
    text = fernet.decryptMessage(fernet.Hex.parse(cipherText.toString('hex')), secret.encryptionKey, iv)
  } catch (cause) {
    throw new FernetError('the payload is not text', { cause })
  }
  const again = fernet.encryptMessage(text, secret.encryptionKey, iv).toString(fernet.Hex)
  if (again !== cipherText.toString('hex')) {
    throw new FernetError('the payload is not padded rightly')
  }
  return text
}
