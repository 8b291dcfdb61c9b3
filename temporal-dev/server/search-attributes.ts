// What a namespace needs before the Workers start: the four search attributes and the retention of closed runs. Done at
// each start of the embedded server, since its command-line flags count only while its file is new; on a cluster an
// operator does the same by the documented commands.
import type { Connection } from '@temporalio/client'
import { msToTs } from '@temporalio/common/lib/time.js'
import { SEARCH_ATTRIBUTES } from '../../workflows/search-attributes.ts'

/** temporal.api.enums.v1.IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD */
const KEYWORD = 2
const DAY_MS = 24 * 60 * 60 * 1000
const RETENTION_MS = 90 * DAY_MS

/** Safe to repeat. Needs the rights of an operator of the namespace. */
export async function prepareNamespace(connection: Connection, namespace: string): Promise<void> {
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace })
  const missing = SEARCH_ATTRIBUTES.filter((name) => !Object.hasOwn(customAttributes, name))
  if (missing.length > 0) {
    await connection.operatorService.addSearchAttributes({
      namespace,
      searchAttributes: Object.fromEntries(missing.map((name) => [name, KEYWORD])),
    })
  }
  await connection.workflowService.updateNamespace({
    namespace,
    config: { workflowExecutionRetentionTtl: msToTs(RETENTION_MS) },
  })
}
