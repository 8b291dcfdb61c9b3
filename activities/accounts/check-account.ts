// Trying an account for real, as a standalone activity: the API process holds no provider code and opens no credentials.

import { Context } from '@temporalio/activity'
import type { ActivityDeps } from '../dependencies.ts'
import { causeOf, StepError } from '../failures.ts'
import { failedCheck } from '../providers/failed-check.ts'
import type { AccountCheck } from '../providers/provider.ts'

type CheckAccountActivities = {
  checkAccount(input: { account_id: string }): Promise<AccountCheck>
}

export function createCheckAccountActivities(deps: ActivityDeps): CheckAccountActivities {
  return {
    checkAccount: async ({ account_id }) => {
      try {
        const { provider } = await deps.accounts.open(account_id)
        return await provider.check(Context.current().cancellationSignal)
      } catch (error) {
        if (!(error instanceof StepError)) throw error
        return failedCheck(causeOf(error))
      }
    },
  }
}
