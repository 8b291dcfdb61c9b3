// The text of docs/errors.md, made from the tables that the program itself uses. After a change of one of them:
//   node test/docs/errors-table.ts > docs/errors.md

import { pathToFileURL } from 'node:url'
import { failureOf } from '../../activities/http/network-errors.ts'
import { DROPBOX_ERRORS } from '../../activities/providers/dropbox/error-table.ts'
import { BY_STATUS, DRIVE_REASONS, tokenError } from '../../activities/providers/google-drive/errors.ts'
import { GRAPH_RULES } from '../../activities/providers/onedrive/errors.ts'
import { AADSTS_MEANINGS } from '../../activities/providers/onedrive/sign-in-errors.ts'
import { ProviderError } from '../../activities/providers/provider.ts'
import { ERROR_CODES, ERROR_RULES, isRetryable } from '../../workflows/errors.ts'

type Row = readonly string[]

/** An empty advice is that of the code. */
const ROW_END: Row = ['code', 'fact', 'advice']

/** What the system or TLS says below HTTP. */
const NETWORK: readonly (readonly [code: string, what: string])[] = [
  ['ECONNREFUSED', 'nobody listens there'],
  ['ENOTFOUND', 'the name is not known to DNS'],
  ['EAI_AGAIN', 'DNS does not answer'],
  ['EHOSTUNREACH', 'there is no way to the host'],
  ['ECONNRESET', 'the connection was reset'],
  ['EPIPE', 'the connection was closed while sending'],
  ['ETIMEDOUT', 'the system waited in vain'],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'the certificate is from an authority that is not trusted'],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'a TLS proxy in between, whose authority is not trusted'],
  ['CERT_HAS_EXPIRED', 'the certificate has ended, or the clock is wrong'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'the certificate is for another name'],
]

/** Answers of Google's token endpoint: status, `error`, `error_description`, and whether a subject is set. */
const GOOGLE_TOKEN: readonly (readonly [number, string, string, boolean])[] = [
  [400, 'invalid_grant', 'Invalid JWT: Token must be a short-lived token', false],
  [400, 'invalid_grant', 'Invalid JWT Signature.', false],
  [400, 'invalid_grant', 'Invalid grant: account not found', false],
  [400, 'invalid_grant', 'Invalid email or User ID', true],
  [400, 'invalid_grant', '', false],
  [401, 'unauthorized_client', '', true],
  [400, 'invalid_scope', '', false],
  [401, 'invalid_client', '', false],
  [401, 'disabled_client', '', false],
  [401, 'deleted_client', '', false],
  [429, '', '', false],
  [503, '', '', false],
]

export function errorsDocument(): string {
  return `# Errors

Every error, wherever it shows (status of a destination, audit, API, user interface, the failure type in Temporal), has one
of these codes, a \`fact\` (what happened) and an \`advice\` (what to do); \`message\` is both. Made from the program's own tables by \`node test/docs/errors-table.ts > docs/errors.md\`; a test keeps both
equal.

- **Retried** errors heal by themselves: the upload comes again with growing pauses, or after exactly the pause that the
  provider asked for (\`Retry-After\`), and goes on from where the provider stands. It is given up as \`no_progress\` when 24
  hours have passed without a byte.
- The others stop the destination at once; other destinations of the run go on. When the cause is mended, re-upload
  continues the upload while the provider's session lives.

## Codes

${table(
  ['code', 'retried', 'what to do'],
  ERROR_CODES.map((code) => [literal(code), isRetryable(code) ? 'yes' : 'no', ERROR_RULES[code].advice]),
)}

Below, a row without an advice has that of its code.

## Below HTTP, at every provider

${table(['of the system or TLS', 'meaning', 'code'], networkRows())}

Besides, a connection that does not come about in 30 s, a transfer in which no byte moves for 60 s and an answer that stays
away are \`network_stalled\`; a redirect to plain HTTP, and one of anything but a GET, is \`insecure_redirect\`.

## Google Drive

The reason stands in the answer's \`error.errors[].reason\` or \`error.details[].reason\`. With 408, 429 and 5xx the status
rules, so that what heals never becomes permanent by a reason. Where a service account acts for no user, \`storageQuotaExceeded\`
of a folder in My Drive is \`folder_in_my_drive\`.

${table(['status', 'reason', ...ROW_END], googleRows())}

At the token endpoint:

${table(['status', 'error', 'description', ...ROW_END], googleTokenRows())}

## Dropbox

The reason is the path of tags in the answer's \`error\` union; a row fits when its reason is part of that path, and the first
row that fits decides. Any 5xx that is not listed is \`provider_unavailable\`, any other 4xx \`request_refused\`.

${table(['status', 'reason', ...ROW_END], dropboxRows())}

## OneDrive

Codes of Graph are looked for from the innermost \`innerError\` outwards, rows with a code before those without. What a status
means can depend on what was asked for. Any 5xx that is not listed is \`provider_unavailable\`, any other 4xx
\`request_refused\`.

${table(['status', 'code of Graph', 'asked for', 'text', ...ROW_END], graphRows())}

At the sign-in (Microsoft Entra), by the AADSTS number; others by the status: 429 \`rate_limited\`, 408 and 5xx
\`provider_unavailable\`, \`invalid_client\` \`credentials_refused\`, other 4xx \`account_misconfigured\`:

${table(['AADSTS', ...ROW_END], signInRows())}
`
}

function networkRows(): readonly Row[] {
  return NETWORK.map(([code, what]) => {
    const error = failureOf(Object.assign(new Error(what), { code }), 'host')
    if (!(error instanceof ProviderError)) throw new Error(`${code} is not known`)
    return [literal(code), what, literal(error.code)]
  })
}

function googleRows(): readonly Row[] {
  const byReason = Object.entries(DRIVE_REASONS).map(([reason, [code, fact, advice]]) => [
    ...['4xx', literal(reason), literal(code), fact, advice ?? ''],
  ])
  const byStatus = Object.entries(BY_STATUS).map(([status, [code, fact, advice]]) => [
    ...[status, '', literal(code), fact, advice ?? ''],
  ])
  return [...byReason, ...byStatus]
}

function googleTokenRows(): readonly Row[] {
  return GOOGLE_TOKEN.map(([status, error, description, hasSubject]) => {
    const body = { error, error_description: description }
    const read = tokenError({ status, body }, hasSubject ? 'user@example.com' : undefined)
    const fact = read.fact.replace(/ \([^)]*\)\.$/, '')
    const advice = read.advice === ERROR_RULES[read.code].advice ? '' : read.advice
    return [String(status), error === '' ? '' : literal(error), description, literal(read.code), fact, advice]
  })
}

function dropboxRows(): readonly Row[] {
  return DROPBOX_ERRORS.map(({ status, reason, code, fact, advice = '' }) => [
    ...[String(status), reason === undefined ? 'any' : literal(reason), literal(code), fact, advice],
  ])
}

function graphRows(): readonly Row[] {
  return GRAPH_RULES.map(({ status, code, subject, text, error, fact, advice = '' }) => [
    status === undefined ? 'any' : String(status),
    code === undefined ? '' : literal(code),
    subject ?? '',
    text === undefined ? '' : literal(text.source),
    ...[literal(error), fact, advice],
  ])
}

function signInRows(): readonly Row[] {
  return Object.entries(AADSTS_MEANINGS).map(([number, { error, fact, advice = '' }]) => [
    ...[number, literal(error), fact, advice],
  ])
}

function literal(text: string): string {
  return `\`${text}\``
}

function table(heads: Row, rows: readonly Row[]): string {
  const line = (cells: Row) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(heads), `|${heads.map(() => '---|').join('')}`, ...rows.map(line)].join('\n')
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) process.stdout.write(errorsDocument())
