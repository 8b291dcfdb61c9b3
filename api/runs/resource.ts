// A run's row as the API shows it: without the paths on the worker's disk and without the requested start.

import type { z } from '@hono/zod-openapi'
import type { Run } from '../../db/schema.ts'
import type { runSchema } from '../schemas/runs.ts'

/** The run without internal columns. */
export function runResource(run: Run): z.input<typeof runSchema> {
  return {
    id: run.id,
    instance: run.instance_slug,
    archive: run.archive,
    database: run.database,
    finished_at: run.finished_at,
    archive_task_queue: run.archive_task_queue,
    account_ids: run.account_ids,
    workflow_id: run.workflow_id,
    size: run.size,
    pin: run.pin,
    kept_until: run.kept_until,
    cloud_status: run.cloud_status,
    cloud_sync_status: run.cloud_sync_status,
    error: run.error,
    sync_started_at: run.sync_started_at,
    sync_finished_at: run.sync_finished_at,
    created_at: run.created_at,
    updated_at: run.updated_at,
  }
}
