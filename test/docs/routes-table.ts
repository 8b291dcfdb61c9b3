// The text of docs/api.md, made from the routes of the app and from the tests that call them. After a change of either:
//   node test/docs/routes-table.ts

import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { createApp } from '../../api/app.ts'
import { createApiFixture } from '../api/fixture.ts'

export const ROUTES_FILE = fileURLToPath(new URL('../../docs/api.md', import.meta.url))
const TESTS = fileURLToPath(new URL('..', import.meta.url))
/** They call every operation; naming them at each says nothing. */
const CALL_ALL = ['api/http/openapi.test.ts', 'api/http/fuzz.test.ts', 'api/access/permissions.test.ts']

type App = ReturnType<typeof createApp>
type TestFile = { readonly name: string; readonly source: string }

export async function routesDocument(app: App): Promise<string> {
  const tests = await testFiles()
  const rows = app.openAPIRegistry.definitions.flatMap((definition) => {
    if (definition.type !== 'route') return []
    const { method, path, summary = '', responses, security } = definition.route
    const permission: unknown = Reflect.get(definition.route, 'x-permission')
    const who =
      typeof permission === 'string' ? `\`${permission}\`` : security?.length ? 'own login' : 'anybody'
    const calls = tests.filter(({ source }) => addressOf(path).test(source)).map(({ name }) => `\`${name}\``)
    return [
      [
        ...[`\`${method.toUpperCase()} ${path}\``, summary, who],
        ...[Object.keys(responses).join(', '), calls.join(', ')],
      ],
    ]
  })
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return `# The HTTP API

All operations, from the OpenAPI document that the program serves at \`/api/openapi.json\` (to read in a browser:
\`/api/docs\`). Made by \`node test/docs/routes-table.ts\`; a test keeps both equal.

Errors are RFC 9457 problem documents; \`errors: [{ path, message }]\` names the fields of bad input. Who may call is said by
permission (docs/security.md). Any operation may answer 429 to too many logins, and 503 with \`Retry-After\` while PostgreSQL
or Temporal is away.

Every operation is called by \`test/api/http/openapi.test.ts\` (the answer is what the document says),
\`test/api/access/permissions.test.ts\` (by every role, with every scope, and by nobody) and \`test/api/http/fuzz.test.ts\` (bad
input of every kind: never a 500, a hang or a changed row). The last column names further tests, below \`test/\`.

${line(['operation', 'meaning', 'permission', 'answers', 'tests'])}
|---|---|---|---|---|
${rows.map(line).join('\n')}
`
}

/** The path as tests write it: with \`\${…}\` or a plain word where the document has a parameter. */
function addressOf(path: string): RegExp {
  const escaped = path
    .split(/\{[^}]+\}/)
    .map((part) => part.replaceAll(/[.*+?^$()|[\]\\]/g, '\\$&'))
    .join('(?:\\$\\{[^}]*\\}|[\\w-]+)')
  return new RegExp(`['"\`]${escaped}(?:['"\`?]|\\$\\{query)`)
}

async function testFiles(): Promise<readonly TestFile[]> {
  const names = (await readdir(TESTS, { recursive: true }))
    .filter((name) => /^(api|pages|e2e)\/.*\.test\.ts$/.test(name) && !CALL_ALL.includes(name))
    .sort()
  return Promise.all(names.map(async (name) => ({ name, source: await readFile(join(TESTS, name), 'utf8') })))
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const api = await createApiFixture()
  await writeFile(ROUTES_FILE, await routesDocument(api.app))
  await api.close()
}
