// Takes secrets out of any text by what they look like: the last line of defence, after the rule that no secret
// is logged at all. It may be given a whole line of JSON and keeps it JSON: no pattern eats an unescaped quote.

const HIDDEN = '[redacted]'

/** Names whose value is hidden, in query strings, form bodies, JSON and prose. */
const secretNames = [
  'access_token',
  'refresh_token',
  'id_token',
  'client_secret',
  'app_secret',
  'client_assertion',
  'assertion',
  'upload_id',
  'uploadid',
  'tempauth',
  'private_key',
  'credentials_json',
  'sealed_credentials',
  'sealed_session',
  'admin_password',
  'api_token',
  'password',
].join('|')

/** A quote, with the backslashes of JSON inside JSON. */
const quote = String.raw`\\*["']`
/** Characters of a JSON string up to its end: backslashes only with what they escape, an escaped quote excepted. */
const jsonText = String.raw`(?:[^"\\]|\\[^"])`

const patterns: readonly (readonly [RegExp, string])[] = [
  [
    new RegExp(
      `-----BEGIN [A-Z ]*PRIVATE KEY-----${jsonText}*?(?:-----END [A-Z ]*PRIVATE KEY-----|(?=\\\\*")|$)`,
      'g',
    ),
    HIDDEN,
  ],
  // postgres://user:password@host
  [/(:\/\/[^:/@\s"']*):[^@/\s"'\\]+@/g, `$1:${HIDDEN}@`],
  [/\b(bearer|basic)(\s+)(?=[^\s"'\\]*[\d._=~+/-])[A-Za-z0-9._~+/=-]{8,}/gi, `$1$2${HIDDEN}`],
  [/\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*)?/g, HIDDEN],
  [/\bsl\.[A-Za-z0-9._-]{16,}/g, HIDDEN],
  [/\bya29\.[A-Za-z0-9._-]{10,}/g, HIDDEN],
  [/\bgAAAA[A-Za-z0-9_-]{60,}={0,2}/g, HIDDEN],
  // "name": "value", \"name\":\"value\", name=value, name%3Dvalue; a JSON number, true, false or null stays
  [
    new RegExp(
      `(?:\\b|(?<=%[0-9a-f]{2}))(${secretNames})((?:${quote})?\\s*:\\s*${quote}|\\s*=\\s*(?:${quote})?|%3D)(?!\\[redacted)[^\\s"'\\\\&,;<>]+`,
      'gi',
    ),
    `$1$2${HIDDEN}`,
  ],
  [new RegExp(`\\b(${secretNames}): (?!\\[redacted)[^\\s"'\\\\&,;<>]+`, 'gi'), `$1: ${HIDDEN}`],
]

/** The text without tokens, keys and passwords; safe to apply twice. */
export function redact(text: string): string {
  return patterns.reduce((clean, [pattern, replacement]) => clean.replace(pattern, replacement), text)
}
