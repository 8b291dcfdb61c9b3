// The small table of differences: all that the contract knows of a provider. Whatever is not in here must be the same at
// each of them.

import type { HttpClient } from '../../../../activities/http/client.ts'
import type { Provider } from '../../../../activities/providers/provider.ts'
import type { Endpoints } from '../../../../db/process/config.ts'
import type { ErrorCode } from '../../../../workflows/errors.ts'
import type { ProviderKind } from '../../../../workflows/types.ts'
import type { TestAuthority } from '../../../clouds/certificates.ts'
import type { CloudDouble, CloudOptions } from '../../../clouds/cloud-double.ts'
import type { Fault } from '../../../clouds/faults.ts'

/** An emulated cloud, with what the contract does to it behind the client's back. */
export interface ContractCloud extends CloudDouble {
  /** Every token given so far is refused from now on. */
  expireTokens(): void
  forgetSessions(): void
  /** Bytes that the destination takes in all. */
  setQuota(bytes: number): void
  /** Gives the file other content, as if somebody had saved over it. */
  change(path: string, content: Buffer): void
  /** Puts many small files into the folder, quickly. */
  putMany(folder: string, names: readonly string[]): void
}

export type CloudStart = CloudOptions & {
  /** The token is asked for with the bytes too, where that is a question at this provider. */
  readonly wantsTokenWithBytes?: boolean
  /** Which of the provider's `variants` of what nobody could verify; default: none of them. */
  readonly variant?: number
}

export type Account = {
  readonly credentials: Record<string, unknown>
  readonly settings: Record<string, unknown>
}

export type Connection = {
  readonly account: Account
  readonly endpoints: Endpoints
  readonly http: HttpClient
  readonly now: () => number
}

/** Where a fault strikes. */
export type Step = Required<Pick<Fault, 'operation' | 'after'>>

/** One of the ways in which the client uploads, chosen by size. */
export type Way = {
  readonly name: string
  readonly size: number
  /** Missing where the way has no such request. `chunk` and `finalise` can be the same request. */
  readonly open?: Step
  readonly chunk?: Step
  readonly ask?: Step
  readonly finalise: Step
}

export type ProviderTraits = {
  readonly kind: ProviderKind
  start(authority: TestAuthority, options: CloudStart): Promise<ContractCloud>
  /** How many ways there are in which the real service may behave where its documents are silent. */
  readonly variants: number
  /** A client with small chunks, so that each way is seen with small files. */
  connect(connection: Connection): Provider
  readonly ways: readonly [Way, ...Way[]]
  /** The way of large files: the one with a session that can be gone on with. */
  readonly largeWay: Way
  /** Sizes around which something changes: chunks, and the limits between the ways. */
  readonly edges: readonly number[]
  /** Most bytes that one broken connection costs at this provider, with the small chunks. */
  readonly lossBytes: number
  /** Of a file for many resets: its size, and how many whole chunks surely pass in between. */
  readonly many: { readonly size: number; readonly chunks: number }
  /** Bytes of a file of which the client as shipped sends far more in one request than sockets hold. */
  readonly stallSize: number
  readonly operations: {
    readonly token: string
    /** The first look for the file. */
    readonly look: string
    readonly list: string
    /** Further pages, where they are another operation. */
    readonly nextPage: string
    /** Those that carry the archive's bytes. */
    readonly bytes: readonly string[]
  }
  /** Characters that the provider does not store: names with them are encoded. */
  readonly encodes: RegExp | null
  /** Whether a session can be given up by a call. */
  readonly givesUpSessions: boolean
  /** Most files that the client asks for in one page. */
  readonly mostListed: number
  /** Credentials that the provider does not know. */
  readonly refused: {
    readonly credentials: (account: Account) => Record<string, unknown>
    readonly code: ErrorCode
  }
}
