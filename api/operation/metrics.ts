// /metrics in Prometheus' text format (exposition format 0.0.4): the state of the copies, for alerts, and the traffic of this
// process. Labels are names and slugs and never IDs of runs, so that their number stays bounded.

import type { MiddlewareHandler } from 'hono'
import type { Db } from '../../db/database.ts'
import { readSyncFigures } from '../../db/views/figures.ts'
import { DESTINATION_STATUSES } from '../../workflows/types.ts'
import type { AppEnv } from '../access/principal.ts'
import type { ChangeFeed } from '../runs/change-feed.ts'

type Labels = Readonly<Record<string, string>>
type Sample = { readonly labels: Labels; readonly value: number; readonly suffix?: string }
type Metric = {
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  readonly samples: readonly Sample[]
}

const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

export interface TrafficMeter {
  readonly middleware: MiddlewareHandler<AppEnv>
  metrics(): readonly Metric[]
}

/** Counts since the start of this process. */
export function createTrafficMeter(): TrafficMeter {
  const counts = new Map<string, { labels: Labels; count: number }>()
  const durations = { buckets: BUCKETS.map(() => 0), sum: 0, count: 0 }

  return {
    async middleware(c, next) {
      const startedAt = performance.now()
      await next()
      const seconds = (performance.now() - startedAt) / 1000
      const labels = { method: c.req.method, route: routeOf(c.req.routePath), status: String(c.res.status) }
      const key = Object.values(labels).join(' ')
      const entry = counts.get(key) ?? { labels, count: 0 }
      entry.count += 1
      counts.set(key, entry)
      durations.sum += seconds
      durations.count += 1
      for (const [index, bound] of BUCKETS.entries()) {
        if (seconds <= bound) durations.buckets[index] = (durations.buckets[index] ?? 0) + 1
      }
    },
    metrics: () => [
      {
        name: 'cloud_sync_http_requests_total',
        type: 'counter',
        help: 'Requests answered by this process',
        samples: [...counts.values()].map(({ labels, count }) => ({ labels, value: count })),
      },
      {
        name: 'cloud_sync_http_request_duration_seconds',
        type: 'histogram',
        help: 'Time until the head of the answer',
        samples: [
          ...BUCKETS.map((bound, index) => ({
            labels: { le: String(bound) },
            value: durations.buckets[index] ?? 0,
            suffix: '_bucket',
          })),
          { labels: { le: '+Inf' }, value: durations.count, suffix: '_bucket' },
          { labels: {}, value: durations.sum, suffix: '_sum' },
          { labels: {}, value: durations.count, suffix: '_count' },
        ],
      },
    ],
  }
}

/** The pattern and not the path. All paths that match nothing count as one route. */
function routeOf(routePath: string): string {
  return routePath === '/*' || routePath === '*' ? 'none' : routePath
}

/** The text of /metrics. Throws when the database is away. */
export async function renderMetrics(
  { db, feed }: { readonly db: Db; readonly feed: Pick<ChangeFeed, 'watcherCount'> },
  traffic: TrafficMeter,
): Promise<string> {
  const figures = await readSyncFigures(db)
  const named = figures.bindings.map(({ instance, account, provider, ...rest }) => ({
    labels: { instance, account, provider },
    ...rest,
  }))
  const opened = new Map(figures.open_destinations.map(({ status, count }) => [status, count]))
  const metrics: readonly Metric[] = [
    gauge('cloud_sync_open_runs', 'Runs that are not settled', figures.open_runs),
    gauge('cloud_sync_owed_starts', 'Runs that Temporal has not taken yet', figures.requested_starts),
    {
      name: 'cloud_sync_open_run_destinations',
      type: 'gauge',
      help: 'Destinations of open runs by status',
      samples: DESTINATION_STATUSES.map((status) => ({ labels: { status }, value: opened.get(status) ?? 0 })),
    },
    {
      name: 'cloud_sync_binding_enabled',
      type: 'gauge',
      help: '1 when the destination takes part in new runs',
      samples: named.map(({ labels, enabled }) => ({ labels, value: enabled ? 1 : 0 })),
    },
    {
      name: 'cloud_sync_binding_failing',
      type: 'gauge',
      help: '1 when the newest run did not reach the destination',
      samples: named.map(({ labels, newest_status }) => ({
        labels,
        value: newest_status === 'failed' || newest_status === 'cancelled' ? 1 : 0,
      })),
    },
    {
      name: 'cloud_sync_last_copy_timestamp_seconds',
      type: 'gauge',
      help: 'When the newest whole copy was proven; missing where there is none',
      samples: named.flatMap(({ labels, last_copy_at }) =>
        last_copy_at === null ? [] : [{ labels, value: Date.parse(last_copy_at) / 1000 }],
      ),
    },
    {
      name: 'cloud_sync_last_copy_bytes',
      type: 'gauge',
      help: 'Size of the newest whole copy',
      samples: named.flatMap(({ labels, last_copy_size }) =>
        last_copy_size === null ? [] : [{ labels, value: last_copy_size }],
      ),
    },
    gauge('cloud_sync_event_streams', 'Open event streams of this process', feed.watcherCount),
    ...traffic.metrics(),
    gauge('process_resident_memory_bytes', 'Memory of this process', process.memoryUsage.rss()),
    gauge('process_start_time_seconds', 'When this process began', Math.round(performance.timeOrigin / 1000)),
    {
      name: 'process_cpu_seconds_total',
      type: 'counter',
      help: 'CPU time of this process',
      samples: [{ labels: {}, value: cpuSeconds() }],
    },
  ]
  return metrics.map(render).join('')
}

function gauge(name: string, help: string, value: number): Metric {
  return { name, type: 'gauge', help, samples: [{ labels: {}, value }] }
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

function render({ name, type, help, samples }: Metric): string {
  const lines = samples.map(({ labels, value, suffix = '' }) => {
    const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escapeLabel(text)}"`)
    return `${name}${suffix}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}\n`
  })
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`
}

function escapeLabel(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
