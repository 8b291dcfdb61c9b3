// The provider contract, written once: what every destination must do, and every fault that it must survive. It drives the
// real engine against an emulated cloud and knows of a provider nothing but its table of differences (contract/traits.ts),
// so that a further provider only adds a table. CONTRACT_TABLE=1 prints scenario × provider at the end.

import { after, before, describe, it } from 'node:test'
import { describeAccounts } from './contract/account.ts'
import { describeArchiveChanges } from './contract/archive.ts'
import { type Bench, createBench } from './contract/bench.ts'
import { describeConnections } from './contract/connections.ts'
import { describeFolders } from './contract/folders.ts'
import { score } from './contract/scoreboard.ts'
import { describeSessions } from './contract/sessions.ts'
import { describeStatuses } from './contract/statuses.ts'
import type { Suite } from './contract/suite.ts'
import { describeTokens } from './contract/tokens.ts'
import type { ProviderTraits } from './contract/traits.ts'
import { describeTrouble } from './contract/trouble.ts'
import { describeUploads } from './contract/uploads.ts'

export function describeProviderContract(name: string, traits: ProviderTraits): void {
  describe(`${name} keeps the provider contract`, () => {
    let bench: Bench
    before(async () => {
      bench = await createBench(traits)
    })
    after(() => bench.close())
    const suite: Suite = {
      traits,
      scenario: (what, run) => {
        it(what, async () => {
          bench.begin()
          score(what, traits.kind, null)
          await run(bench)
          score(what, traits.kind, bench.figures())
        })
      },
    }
    describe('in what it uploads', () => describeUploads(suite))
    describe('on a network that breaks', () => describeConnections(suite))
    describe('under refusals that pass', () => describeStatuses(suite))
    describe('with its sessions and tokens', () => describeSessions(suite))
    describe('with tokens that it refuses', () => describeTokens(suite))
    describe('when the archive changes', () => describeArchiveChanges(suite))
    describe('in folders, listings and deletions', () => describeFolders(suite))
    describe('in any trouble', () => describeTrouble(suite))
    describe('in accounts', () => describeAccounts(suite))
  })
}
