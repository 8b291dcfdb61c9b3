// A small installation as it looks on a busy morning, for screenshots and for tests that look at every page: instances,
// accounts, bindings, and a few weeks of runs in all states.

import { createAccount } from '../../db/accounts/accounts.ts'
import { appendAudit } from '../../db/audit.ts'
import type { Db } from '../../db/database.ts'
import { createBinding } from '../../db/instances/bindings.ts'
import { createInstance } from '../../db/instances/instances.ts'
import type { Binding } from '../../db/schema.ts'
import type { Vault } from '../../db/secrets/vault.ts'
import { recordUploadedFile } from '../../db/uploads/uploaded-files.ts'
import { statusError } from '../../workflows/failures.ts'
import { cloudStatusOf } from '../../workflows/runs/cloud-status.ts'
import type { DestinationState } from '../../workflows/types.ts'
import type { CloudDouble } from '../clouds/cloud-double.ts'

const NAMES = { google_drive: 'Drive EU', dropbox: 'Dropbox Team', onedrive: 'OneDrive Finance' } as const
const INSTANCES = [
  ['acme-prod', 'Acme Manufacturing'],
  ['bluebird', 'Bluebird Travel'],
  ['helvetia-shop', 'Helvetia Shop'],
  ['nordwind', 'Nordwind Logistics'],
  ['test-lab', 'Test laboratory'],
] as const
const DAYS = 24
const GIB = 1024 ** 3

const QUOTA = statusError(
  'storage_quota_exceeded',
  'The drive is full: 1.02 GiB are needed and 212 MiB are free.',
)
const BUSY = statusError('provider_unavailable', 'OneDrive has a fault (HTTP 503).')
const CANCELLED = statusError('cancelled', 'The upload was cancelled.')

type Bound = { readonly slug: string; readonly bindings: readonly Binding[] }

export type Example = {
  readonly runs: Readonly<Record<'moving' | 'failed' | 'cancelled' | 'uploaded', string>>
  readonly accountId: string
  readonly bindingId: string
}

/** Every page of the program, by a name that does for a file. */
export function examplePages({ runs, accountId, bindingId }: Example): Readonly<Record<string, string>> {
  const remotePath = encodeURIComponent('/odoo-backups/{instance_slug}/')
  return {
    'run-history': '/',
    'run-history-nothing-found': '/?q=nothing-has-this-name',
    'run-moving': `/runs/${runs.moving}`,
    'run-failed': `/runs/${runs.failed}`,
    'run-cancelled': `/runs/${runs.cancelled}`,
    'run-history-cancelled': '/?status=cancelled',
    'run-uploaded': `/runs/${runs.uploaded}`,
    overview: '/overview',
    instances: '/instances',
    'instance-new': '/instances/new',
    'instance-detail': '/instances/acme-prod',
    'instance-unbound': '/instances/test-lab',
    'binding-new': `/instances/bluebird/bindings/new?enabled=on&keep_last=2&remote_path=${remotePath}`,
    'binding-edit': `/instances/acme-prod/bindings/${bindingId}`,
    'remote-files': `/instances/acme-prod/bindings/${bindingId}/files`,
    'cloud-accounts': '/cloud',
    'cloud-choose': '/cloud/new',
    'cloud-new-drive': '/cloud/new?provider=google_drive',
    'cloud-new-dropbox': '/cloud/new?provider=dropbox',
    'cloud-new-onedrive': '/cloud/new?provider=onedrive',
    'cloud-account': `/cloud/${accountId}`,
    audit: '/audit',
    settings: '/settings',
    password: '/password',
    login: '/login',
    'not-found': '/nowhere',
  }
}

export async function seedExample(db: Db, vault: Vault, clouds: readonly CloudDouble[]): Promise<Example> {
  const accounts: { id: string; name: string; provider: CloudDouble['kind'] }[] = []
  for (const cloud of clouds) {
    accounts.push(
      await createAccount(db, vault, {
        name: NAMES[cloud.kind],
        provider: cloud.kind,
        credentials: cloud.credentials,
        settings: cloud.settings,
        credentials_hint: cloud.kind === 'google_drive' ? 'backup@acme-odoo.iam.gserviceaccount.com' : null,
      }),
    )
  }
  const bound: Bound[] = []
  for (const [index, [slug, name]] of INSTANCES.entries()) {
    await createInstance(db, { slug, name })
    const chosen = slug === 'test-lab' ? [] : accounts.slice(0, 3 - (index % 2))
    const bindings: Binding[] = []
    for (const account of chosen) {
      const keep_last = account.provider === 'onedrive' ? null : 30
      bindings.push(await createBinding(db, { instance_slug: slug, account_id: account.id, keep_last }))
    }
    bound.push({ slug, bindings })
  }
  const stateOf = (binding: Binding): DestinationState => {
    const account = accounts.find(({ id }) => id === binding.account_id)
    return {
      account: account?.name ?? '',
      provider: account?.provider ?? 'dropbox',
      binding_id: binding.id,
      status: 'uploaded',
      error: null,
      remote_path: null,
      remote_id: null,
      size: null,
      bytes_sent: 0,
      hash: null,
      attempt: 1,
      started_at: null,
      finished_at: null,
      retention: null,
    }
  }
  for (let day = DAYS; day >= 0; day -= 1) {
    for (const [index, instance] of bound.entries()) {
      const at = Date.now() - day * 86_400_000 - (index * 17 + 9) * 60_000
      const states: Record<string, DestinationState> = {}
      for (const binding of instance.bindings) {
        states[binding.account_id] = settled(stateOf(binding), instance.slug, at, day, index)
      }
      await insertRun(db, {
        id: runId(instance.slug, at),
        slug: instance.slug,
        at,
        states,
        open: isOpen(day, index),
      })
    }
  }
  await appendAudit(db, { actor: 'user:admin', event: 'login_succeeded', details: { address: '127.0.0.1' } })
  const newest = (slug: string, index: number) => runId(slug, Date.now() - (index * 17 + 9) * 60_000)
  for (const cloud of clouds) {
    for (let day = 5; day >= 1; day -= 1) {
      const date = new Date(Date.now() - day * 86_400_000).toISOString()
      for (const slug of ['acme-prod', 'bluebird']) {
        const path = `/odoo-backups/${slug}/${slug}_${date.slice(0, 10)}.dump`
        cloud.putFile(path, Buffer.alloc(40_000 + day * 1_000, day), date)
      }
    }
  }
  return {
    accountId: accounts[0]?.id ?? '',
    bindingId: bound[0]?.bindings[0]?.id ?? '',
    runs: {
      moving: newest('acme-prod', 0),
      failed: newest('bluebird', 1),
      cancelled: newest('nordwind', 3),
      uploaded: newest('helvetia-shop', 2),
    },
  }
}

function runId(slug: string, at: number): string {
  return `${slug}-${new Date(at).toISOString().slice(0, 16).replaceAll(/[:T]/g, '-')}`
}

/** This morning's runs are in all states, the older ones are mostly fine. */
function settled(
  state: DestinationState,
  slug: string,
  at: number,
  day: number,
  index: number,
): DestinationState {
  const size = Math.round((0.6 + index * 0.35 + (DAYS - day) * 0.008) * GIB)
  const started_at = new Date(at).toISOString()
  const remote_path = `/odoo-backups/${slug}/${slug}_${started_at.slice(0, 10)}.dump`
  const base = { ...state, size, started_at, remote_path }
  if (day === 0 && index === 0 && state.provider === 'google_drive') {
    return { ...base, status: 'uploading', bytes_sent: Math.round(size * 0.62) }
  }
  if (day === 0 && index === 0 && state.provider === 'onedrive') {
    return { ...base, status: 'retrying', attempt: 3, bytes_sent: Math.round(size * 0.18), error: BUSY }
  }
  if (
    (day === 0 && index === 1 && state.provider === 'dropbox') ||
    (day === 6 && state.provider === 'onedrive')
  ) {
    return { ...base, status: 'failed', error: QUOTA, finished_at: new Date(at + 40_000).toISOString() }
  }
  if (day === 0 && index === 3 && state.provider === 'dropbox') {
    return {
      ...base,
      status: 'cancelled',
      error: CANCELLED,
      finished_at: new Date(at + 40_000).toISOString(),
    }
  }
  return {
    ...base,
    bytes_sent: size,
    remote_id: `file-${slug}-${state.provider}-${day}`,
    finished_at: new Date(at + 95_000).toISOString(),
    hash: { algorithm: 'sha256', value: 'b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c' },
    retention: { keep_last: 30, deleted: [], kept: DAYS - day + 1, skipped: null, error: null },
  }
}

function isOpen(day: number, index: number): boolean {
  return day === 0 && index === 0
}

async function insertRun(
  db: Db,
  run: {
    readonly id: string
    readonly slug: string
    readonly at: number
    readonly states: Readonly<Record<string, DestinationState>>
    readonly open: boolean
  },
): Promise<void> {
  const { id, slug, at, states, open } = run
  const all = Object.values(states)
  const cloud_status = open ? 'pending' : cloudStatusOf(states)
  const made = new Date(at).toISOString()
  await db
    .insertInto('runs')
    .values({
      id,
      instance_slug: slug,
      archive: `${slug}/${slug}_${made.slice(0, 10)}.dump`,
      database: slug.replaceAll('-', '_'),
      finished_at: made,
      workflow_id: `cloud-sync/${slug}/${id}`,
      size: all[0]?.size ?? GIB,
      cloud_status,
      cloud_sync_status: JSON.stringify(states),
      sync_started_at: made,
      sync_finished_at: open ? null : new Date(at + 100_000).toISOString(),
      created_at: made,
      updated_at: made,
    })
    .execute()
  for (const [account_id, state] of Object.entries(states)) {
    await db
      .insertInto('destinations')
      .values({
        ...state,
        run_id: id,
        account_id,
        error: state.error === null ? null : JSON.stringify(state.error),
        hash: state.hash === null ? null : JSON.stringify(state.hash),
        retention: state.retention === null ? null : JSON.stringify(state.retention),
      })
      .execute()
    if (state.status === 'uploaded' && state.remote_id !== null && state.remote_path !== null) {
      await recordUploadedFile(db, {
        account_id,
        run_id: id,
        remote_id: state.remote_id,
        remote_path: state.remote_path,
        size: state.size ?? 0,
        hash: { algorithm: 'sha256', value: 'b5bb9d80' },
        uploaded_at: state.finished_at ?? made,
      })
    }
    if (state.status === 'pending') continue
    await db
      .insertInto('attempts')
      .values({
        run_id: id,
        account_id,
        attempt: state.attempt,
        started_at: made,
        bytes_sent: state.bytes_sent,
        ...(state.finished_at === null
          ? {}
          : {
              finished_at: state.finished_at,
              outcome: endOf(state),
              error: state.error === null ? null : JSON.stringify(state.error),
            }),
      })
      .execute()
  }
  await appendAudit(db, {
    actor: 'token',
    event: 'run_recorded',
    instance_slug: slug,
    run_id: id,
    details: { archive: `${slug}.dump` },
  })
  for (const [account_id, state] of Object.entries(states)) {
    if (state.finished_at === null) continue
    const event = EVENTS[endOf(state)]
    await appendAudit(db, {
      actor: 'workflow',
      event,
      instance_slug: slug,
      run_id: id,
      account_id,
      details: { remote_path: state.remote_path, size: state.size },
    })
  }
}

const EVENTS = {
  failed: 'upload_failed',
  cancelled: 'upload_cancelled',
  uploaded: 'upload_verified',
} as const

function endOf({ status }: DestinationState): keyof typeof EVENTS {
  return status === 'failed' || status === 'cancelled' ? status : 'uploaded'
}
