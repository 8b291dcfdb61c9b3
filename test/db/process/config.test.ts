import assert from 'node:assert/strict'
import { resolve } from 'node:path'
import { describe, it } from 'node:test'
import { ConfigError, loadConfig } from '../../../db/process/config.ts'

function problemsOf(env: Record<string, string>): readonly string[] {
  try {
    loadConfig(env)
  } catch (error) {
    assert.ok(error instanceof ConfigError)
    return error.problems
  }
  return []
}

describe('the environment', () => {
  it('every variable has a default', () => {
    assert.deepEqual(loadConfig({}), {
      dataDir: resolve('data'),
      backupRoot: resolve('data/backups'),
      secretKeyFile: resolve('data/secret.key'),
      databaseUrl: null,
      temporalAddress: null,
      temporalNamespace: 'default',
      temporalPort: { port: 7233, asked: false },
      temporalUiPort: { port: 8233, asked: false },
      temporalUiUrl: null,
      temporalCli: null,
      taskQueue: 'cloud',
      archiveTaskQueue: null,
      sharedArchives: true,
      host: '127.0.0.1',
      port: { port: 8080, asked: false },
      adminPassword: null,
      apiToken: null,
      trustedProxies: [],
      logLevel: 'info',
      endpoints: {
        googleApiRoot: 'https://www.googleapis.com',
        googleTokenUrl: 'https://oauth2.googleapis.com/token',
        dropboxApiRoot: 'https://api.dropboxapi.com',
        dropboxContentRoot: 'https://content.dropboxapi.com',
        microsoftGraphRoot: 'https://graph.microsoft.com',
        microsoftAuthorityRoot: 'https://login.microsoftonline.com',
      },
      uploadsPerAccount: 2,
      uploadSlots: 8,
      proxyEnv: {},
    })
  })

  it('backups and key lie in the data folder that was given', () => {
    const config = loadConfig({ DATA_DIR: '/srv/cloud/', SECRET_KEY_FILE: '/run/keys/cloud' })
    assert.deepEqual(
      [config.dataDir, config.backupRoot, config.secretKeyFile],
      ['/srv/cloud', '/srv/cloud/backups', '/run/keys/cloud'],
    )
  })

  it('a port that was asked for is told from its default, also when they are equal', () => {
    const config = loadConfig({ TEMPORAL_PORT: '7233', PORT: '0' })
    assert.deepEqual(
      [config.temporalPort, config.temporalUiPort.asked, config.port],
      [{ port: 7233, asked: true }, false, { port: 0, asked: true }],
    )
  })

  it('an empty variable counts as unset', () => {
    assert.deepEqual(loadConfig({ TEMPORAL_ADDRESS: '', PORT: ' ', GOOGLE_API_ROOT: '' }), loadConfig({}))
  })

  it('endpoints of national clouds and gateways lose their trailing slash', () => {
    const { endpoints } = loadConfig({
      MICROSOFT_GRAPH_ROOT: 'https://graph.microsoft.us/',
      GOOGLE_API_ROOT: 'https://gw:8443/google//',
    })
    assert.equal(endpoints.microsoftGraphRoot, 'https://graph.microsoft.us')
    assert.equal(endpoints.googleApiRoot, 'https://gw:8443/google')
  })

  for (const name of [
    'GOOGLE_API_ROOT',
    'GOOGLE_TOKEN_URL',
    'DROPBOX_API_ROOT',
    'DROPBOX_CONTENT_ROOT',
    'MICROSOFT_GRAPH_ROOT',
    'MICROSOFT_AUTHORITY_ROOT',
  ]) {
    it(`${name} that is not https is refused`, () => {
      for (const value of [
        'http://localhost:1',
        'localhost:1',
        'ftp://x',
        'https://user:pw@host',
        'https://h/?a=b',
      ]) {
        const problems = problemsOf({ [name]: value })
        assert.equal(problems.length, 1, value)
        assert.match(problems[0] ?? '', new RegExp(`^${name} must be an https:// URL`))
      }
    })
  }

  it('all problems of the environment are reported at once, without a value', () => {
    const problems = problemsOf({
      PORT: '70000',
      LOG_LEVEL: 'loud',
      DATABASE_URL: 'mysql://root:hunter2@db/x',
      UPLOAD_SLOTS: '0',
      DROPBOX_API_ROOT: 'http://plain',
    })
    assert.deepEqual(problems.map((problem) => problem.split(' ')[0]).sort(), [
      'DATABASE_URL',
      'DROPBOX_API_ROOT',
      'LOG_LEVEL',
      'PORT',
      'UPLOAD_SLOTS',
    ])
    assert.doesNotMatch(problems.join('\n'), /hunter2|loud|70000/)
  })
})
