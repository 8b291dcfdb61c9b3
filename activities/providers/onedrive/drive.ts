// Which drive an account means: a user's OneDrive, a drive by its ID, or a site's document library. Resolved once,
// then addressed by its ID. Never `/me`: an application has no drive of its own (docs/providers.md, 3.1).

import { z } from 'zod'
import type { OneDriveSettings } from '../../../db/accounts/account-shapes.ts'
import { type Graph, read } from './graph.ts'
import { urlPath, urlSegment } from './names.ts'

const driveSchema = z.object({
  id: z.string().min(1),
  driveType: z.string().optional(),
  quota: z
    .object({
      total: z.number().optional(),
      used: z.number().optional(),
      remaining: z.number().optional(),
      state: z.string().optional(),
    })
    .nullish(),
})
export type Drive = z.infer<typeof driveSchema>

export interface DriveSource {
  /** The drive's ID; asks Graph the first time only. */
  id(signal: AbortSignal): Promise<string>
  /** The drive, fresh from Graph, with the `Date` of the answer. */
  describe(signal: AbortSignal): Promise<{ readonly drive: Drive; readonly serverTime: number | null }>
}

export function createDriveSource(graph: Graph, target: OneDriveSettings['drive']): DriveSource {
  let known: string | undefined = 'drive_id' in target ? target.drive_id : undefined

  async function pathOf(signal: AbortSignal): Promise<string> {
    if ('drive_id' in target) return `/drives/${urlSegment(target.drive_id)}`
    if ('user' in target) return `/users/${urlSegment(target.user)}/drive`
    const site = siteAddress(target.site_id)
    if (site.path === null) return `/sites/${urlSegment(site.id)}/drive`
    const path = `/sites/${urlSegment(site.id)}:/${urlPath(site.path)}?$select=id`
    const answer = await graph.call({ method: 'GET', path, subject: 'drive', signal })
    const { id } = read(z.object({ id: z.string().min(1) }), answer)
    return `/sites/${urlSegment(id)}/drive`
  }

  async function describe(signal: AbortSignal) {
    const path = `${await pathOf(signal)}?$select=id,driveType,owner,quota`
    const answer = await graph.call({ method: 'GET', path, subject: 'drive', signal })
    const drive = read(driveSchema, answer)
    known = drive.id
    const date = answer.headers.date
    return { drive, serverTime: date === undefined ? null : Date.parse(date) }
  }

  return { describe, id: async (signal) => known ?? (await describe(signal)).drive.id }
}

/** An ID ('host,guid,guid'), or 'host:/sites/name', or the site's address in the browser. */
function siteAddress(text: string): { readonly id: string; readonly path: readonly string[] | null } {
  const url = /^https:\/\//i.test(text) ? URL.parse(text) : null
  const [host = '', rest] = url === null ? splitOnce(text, ':/') : [url.hostname, decodeURI(url.pathname)]
  const path = (rest ?? '').split('/').filter((segment) => segment !== '')
  return path.length === 0 ? { id: host, path: null } : { id: host, path }
}

function splitOnce(text: string, separator: string): readonly [string, string?] {
  const at = text.indexOf(separator)
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + separator.length)]
}
