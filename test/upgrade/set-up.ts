// The accounts, instances, bindings, people and tokens of the installation that is recorded.

import type { CloudDouble } from '../clouds/cloud-double.ts'
import type { Recording } from './recording.ts'

export const PASSWORD = 'four seagulls above'

export type Accounts = Awaited<ReturnType<typeof makeAccounts>>

/** Their IDs. */
export async function makeAccounts(recording: Recording) {
  const { google, dropbox, onedrive } = recording.installed
  const make = async (name: string, { kind, credentials, settings }: CloudDouble) => {
    const { id } = await recording.post<{ id: string }>('/api/accounts', {
      name,
      provider: kind,
      credentials,
      settings,
    })
    await recording.post(`/api/accounts/${id}/check`)
    return id
  }
  const made = {
    drive: await make('Drive of the company', google),
    dropbox: await make('Dropbox', dropbox),
    onedrive: await make('OneDrive', onedrive),
    branch: await make('Dropbox of the branch', dropbox),
    resting: await make('Dropbox that rests', dropbox),
  }
  // A check that failed.
  const broken = await recording.post<{ id: string }>('/api/accounts', {
    name: 'Dropbox without access',
    provider: 'dropbox',
    credentials: { refresh_token: 'revoked', app_key: 'testappkey' },
  })
  await recording.post(`/api/accounts/${broken.id}/check`)
  return { ...made, broken: broken.id }
}

export async function makeInstances(recording: Recording, accounts: Accounts): Promise<void> {
  const { drive, dropbox: main, onedrive: one, branch, resting, broken } = accounts
  const instances: Record<string, readonly Record<string, unknown>[]> = {
    acme: [
      { account_id: drive, keep_last: 2 },
      { account_id: main },
      { account_id: one, keep_last: 1, retention_scope: 'own' },
    ],
    globex: [{ account_id: main, remote_path: '/dbs/{instance_slug}/{database}/', keep_last: 3 }],
    initech: [
      { account_id: branch, remote_path: '/branch/{instance_slug}/', keep_last: 1 },
      { account_id: broken, enabled: false },
    ],
    umbrella: [],
    'wayne-ent': [{ account_id: resting }, { account_id: drive }],
    large: [{ account_id: drive }, { account_id: main }, { account_id: one }],
  }
  for (const [slug, bindings] of Object.entries(instances)) {
    await recording.post('/api/instances', { slug, name: `The instance ${slug}` })
    for (const binding of bindings) await recording.post(`/api/instances/${slug}/bindings`, binding)
  }
}

/** A person who is logged in, people who may do less, tokens, and a login that failed. */
export async function makeAccess(recording: Recording) {
  await recording.post('/api/users', { username: 'olga', password: PASSWORD, role: 'operator' })
  await recording.post('/api/users', { username: 'victor', password: PASSWORD, role: 'viewer' })
  const login = (username: string, password: string) =>
    fetch(`${recording.installed.program.url}/api/session`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'Sec-Fetch-Site': 'same-origin' },
      body: JSON.stringify({ username, password }),
    })
  const loggedIn = await login('admin', PASSWORD)
  if (loggedIn.status !== 201) throw new Error(`login: ${await loggedIn.text()}`)
  await login('mallory', 'guessed')
  const scopes = ['read', 'runs:write']
  const expires_at = new Date(Date.now() + 90 * 86_400_000).toISOString()
  const { token } = await recording.post<{ token: string }>('/api/tokens', { name: 'orchestrator', scopes })
  await recording.post('/api/tokens', { name: 'dashboard', scopes: ['read'], expires_at })
  const session = /=([^;]+)/.exec(loggedIn.headers.getSetCookie()[0] ?? '')?.[1]
  // Without the prefix by which scanners know a token: these are worth nothing to anybody.
  return { session, token: token.replace('cloudsync_', ''), password: PASSWORD }
}
