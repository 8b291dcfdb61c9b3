// Forms of the pages call the operations of the JSON API: the same app is called inside the process, with the browser's cookie.
// So permissions, checks, audit and refusals are those of the API, and no rule exists twice.

import type { Context } from 'hono'
import { z } from 'zod'
import type { AppEnv } from '../access/principal.ts'
import type { FieldError } from '../http/problem.ts'

export type ApiProblem = {
  readonly status: number
  readonly detail: string
  readonly errors: readonly FieldError[]
  readonly run_id: string | null
}

export type ApiAnswer =
  | {
      readonly ok: true
      readonly status: number
      readonly body: unknown
      readonly cookies: readonly string[]
    }
  | { readonly ok: false; readonly problem: ApiProblem }

export type ApiFetch = (request: Request, env: AppEnv['Bindings']) => Response | Promise<Response>
export type ApiCall = (
  c: Context<AppEnv>,
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
  path: string,
  body?: object,
) => Promise<ApiAnswer>

const problemSchema = z.object({
  status: z.number(),
  detail: z.string(),
  errors: z.array(z.object({ path: z.string(), message: z.string() })).default([]),
  run_id: z.string().nullable().default(null),
})

/** Headers of the form's request that do not fit the request to the API. */
const DROPPED = ['content-type', 'content-length', 'transfer-encoding', 'accept-encoding', 'hx-request']

/** `fetchApi` is the app itself. */
export function createApiCall(fetchApi: ApiFetch): ApiCall {
  return async (c, method, path, body) => {
    const headers = new Headers(c.req.raw.headers)
    for (const name of DROPPED) headers.delete(name)
    headers.set('accept', 'application/json')
    if (body !== undefined) headers.set('content-type', 'application/json')
    const request = new Request(new URL(path, c.req.url), {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const answer = await fetchApi(request, c.env)
    const text = await answer.text()
    const content: unknown = text === '' ? null : JSON.parse(text)
    if (!answer.ok) return { ok: false, problem: problemSchema.parse(content) }
    return { ok: true, status: answer.status, body: content, cookies: answer.headers.getSetCookie() }
  }
}

/** What is wrong with the field at this path of the API; null when nothing is. */
export function faultOf(problem: ApiProblem | null, path: string): string | null {
  return problem?.errors.find((error) => error.path === path)?.message ?? null
}
