// The token endpoint and discovery document of Microsoft Entra for one tenant and one application.

import { randomBytes } from 'node:crypto'
import type { CloudAnswer } from '../cloud-server.ts'
import { refuse, refuseSignIn } from './graph-error.ts'

export type Application = {
  readonly tenantId: string
  readonly tenantDomain: string
  readonly clientId: string
  secret: string
  isSecretExpired: boolean
  /** What the administrator consented to: the `roles` of a token. */
  roles: readonly string[]
}

export interface Entra {
  token(tenant: string, form: URLSearchParams): CloudAnswer
  discovery(tenant: string, origin: string): CloudAnswer
  /** Throws 401 unless the header carries a living token; gives its roles. */
  authorize(header: string | undefined): readonly string[]
  expireTokens(): void
}

const GRAPH_SCOPES = [
  'https://graph.microsoft.com/.default',
  'https://graph.microsoft.us/.default',
  'https://dod-graph.microsoft.us/.default',
  'https://microsoftgraph.chinacloudapi.cn/.default',
]

export function createEntra(application: Application, lifeSeconds: number, now: () => number): Entra {
  const living = new Map<string, { readonly until: number; readonly roles: readonly string[] }>()

  function checkTenant(tenant: string): void {
    if (!/^[0-9a-f-]{36}$|\./i.test(tenant)) throw refuseSignIn(900023)
    if (tenant !== application.tenantId && tenant !== application.tenantDomain) throw refuseSignIn(90002)
  }

  return {
    token: (tenant, form) => {
      checkTenant(tenant)
      const grant = form.get('grant_type')
      if (grant === null || form.get('client_id') === null) throw refuseSignIn(900144)
      if (grant !== 'client_credentials') throw refuseSignIn(70003)
      if (form.get('client_id') !== application.clientId) throw refuseSignIn(700016)
      const scope = form.get('scope') ?? ''
      if (!scope.endsWith('/.default')) throw refuseSignIn(1002012)
      if (!GRAPH_SCOPES.includes(scope)) throw refuseSignIn(500011)
      if (form.get('client_secret') !== application.secret) throw refuseSignIn(7000215)
      if (application.isSecretExpired) throw refuseSignIn(7000222)
      const seconds = Math.floor(now() / 1000)
      const token = [
        encode({ typ: 'JWT', alg: 'RS256', kid: 'emulated' }),
        encode({
          aud: scope.slice(0, -'/.default'.length),
          iss: `https://sts.windows.net/${application.tenantId}/`,
          iat: seconds,
          nbf: seconds,
          exp: seconds + lifeSeconds,
          appid: application.clientId,
          idtyp: 'app',
          tid: application.tenantId,
          // A token without consented roles has no such claim at all.
          ...(application.roles.length > 0 ? { roles: application.roles } : {}),
        }),
        randomBytes(256).toString('base64url'),
      ].join('.')
      living.set(token, { until: now() + lifeSeconds * 1000, roles: application.roles })
      return {
        status: 200,
        headers: { 'Cache-Control': 'no-store, no-cache' },
        body: {
          token_type: 'Bearer',
          expires_in: lifeSeconds,
          ext_expires_in: lifeSeconds,
          access_token: token,
        },
      }
    },
    discovery: (tenant, origin) => {
      checkTenant(tenant)
      const base = `${origin}/${application.tenantId}`
      return {
        status: 200,
        body: {
          token_endpoint: `${base}/oauth2/v2.0/token`,
          authorization_endpoint: `${base}/oauth2/v2.0/authorize`,
          issuer: `${base}/v2.0`,
          jwks_uri: `${base}/discovery/v2.0/keys`,
          token_endpoint_auth_methods_supported: ['client_secret_post'],
        },
      }
    },
    authorize: (header) => {
      const token = /^Bearer (.+)$/i.exec(header ?? '')?.[1]
      const known = token === undefined ? undefined : living.get(token)
      if (known === undefined || known.until <= now()) {
        const text =
          token === undefined ? 'Access token is empty.' : 'Lifetime validation failed, the token is expired.'
        throw refuse(401, 'InvalidAuthenticationToken', text)
      }
      return known.roles
    },
    expireTokens: () => living.clear(),
  }
}

function encode(part: unknown): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url')
}
