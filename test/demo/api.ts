// The public HTTP API as the demo uses it: a client of its own that knows nothing but the contract.

import { z } from 'zod'
import {
  CLOUD_STATUSES,
  DESTINATION_STATUSES,
  HASH_ALGORITHMS,
  PROVIDER_KINDS,
} from '../../workflows/types.ts'

const errorSchema = z.object({ code: z.string(), message: z.string(), retryable: z.boolean() })

const stateSchema = z.object({
  account: z.string(),
  provider: z.enum(PROVIDER_KINDS),
  binding_id: z.string(),
  status: z.enum(DESTINATION_STATUSES),
  error: errorSchema.nullable(),
  remote_path: z.string().nullable(),
  remote_id: z.string().nullable(),
  size: z.number().nullable(),
  bytes_sent: z.number(),
  hash: z.object({ algorithm: z.enum(HASH_ALGORITHMS), value: z.string() }).nullable(),
  attempt: z.number(),
  started_at: z.string().nullable(),
  finished_at: z.string().nullable(),
  retention: z
    .object({
      keep_last: z.number(),
      deleted: z.array(z.string()),
      kept: z.number(),
      skipped: z.enum(['would_delete_all', 'new_file_not_listed']).nullable(),
      error: errorSchema.nullable(),
    })
    .nullable(),
})

const runSchema = z.object({
  id: z.string(),
  instance: z.string(),
  archive: z.string(),
  cloud_status: z.enum(CLOUD_STATUSES),
  cloud_sync_status: z.record(z.string(), stateSchema),
  error: errorSchema.nullable(),
  sync_finished_at: z.string().nullable(),
})

const createdSchema = z.object({ id: z.string() })
const checkSchema = z.object({ ok: z.boolean(), detail: z.string() })
const auditSchema = z.object({
  items: z.array(z.object({ account_id: z.string().nullable(), details: z.record(z.string(), z.unknown()) })),
})
const problemSchema = z.object({
  title: z.string(),
  detail: z.string().optional(),
  errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
})

export type ApiRun = z.infer<typeof runSchema>
export type ApiState = z.infer<typeof stateSchema>

/** Every method rejects with an error that says what was asked and what the API answered. */
export interface DemoApi {
  addInstance(instance: { slug: string; name: string }): Promise<{ id: string }>
  addAccount(account: {
    name: string
    provider: string
    credentials: Record<string, unknown>
    settings: Record<string, unknown>
  }): Promise<{ id: string }>
  checkAccount(id: string): Promise<{ ok: boolean; detail: string }>
  addBinding(slug: string, binding: { account_id: string; keep_last: number | null }): Promise<{ id: string }>
  startRun(run: { instance: string; archive: string; database: string; finished_at: string }): Promise<ApiRun>
  run(id: string): Promise<ApiRun>
  /** Offsets from which uploads of this run went on after a break. */
  resumedFrom(runId: string): Promise<readonly { accountId: string | null; offset: number }[]>
}

export function createApi(url: string, token: string, signal: AbortSignal): DemoApi {
  const call = async <T>(method: string, path: string, schema: z.ZodType<T>, body?: unknown): Promise<T> => {
    const response = await fetch(`${url}${path}`, {
      method,
      signal,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    if (!response.ok)
      throw new Error(`${method} ${path} was answered with ${response.status}: ${reasonIn(text)}`)
    return schema.parse(JSON.parse(text))
  }
  const get = <T>(path: string, schema: z.ZodType<T>) => call('GET', path, schema)
  const post = <T>(path: string, schema: z.ZodType<T>, body?: unknown) => call('POST', path, schema, body)
  return {
    addInstance: (instance) => post('/api/instances', createdSchema, instance),
    addAccount: (account) => post('/api/accounts', createdSchema, account),
    checkAccount: (id) => post(`/api/accounts/${id}/check`, checkSchema),
    addBinding: (slug, binding) => post(`/api/instances/${slug}/bindings`, createdSchema, binding),
    startRun: (run) => post('/api/runs', runSchema, run),
    run: (id) => get(`/api/runs/${encodeURIComponent(id)}`, runSchema),
    resumedFrom: async (runId) => {
      const { items } = await get(
        `/api/audit?event=upload_resumed&run_id=${encodeURIComponent(runId)}`,
        auditSchema,
      )
      return items.flatMap(({ account_id, details }) =>
        typeof details.offset === 'number' ? [{ accountId: account_id, offset: details.offset }] : [],
      )
    },
  }
}

function reasonIn(text: string): string {
  try {
    const { title, detail, errors = [] } = problemSchema.parse(JSON.parse(text))
    return [detail ?? title, ...errors.map(({ path, message }) => `${path} ${message}`)].join('; ')
  } catch {
    // Not a problem document: the beginning of whatever came says most.
    return text.slice(0, 300) || 'no body'
  }
}
