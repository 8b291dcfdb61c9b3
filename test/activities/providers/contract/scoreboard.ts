// What the contract found, scenario by scenario: printed when the process ends, and only with CONTRACT_TABLE=1. Run the
// contract files in one process (--test-isolation=none) to have all providers in one table.

import type { ProviderKind } from '../../../../workflows/types.ts'

/** Bytes of the archives of a scenario, and what became of them on the wire. */
export type Figures = {
  readonly size: number
  /** Bytes that the provider received. */
  readonly arrived: number
  /** Bytes that were handed to sockets, also those that a broken connection took along. */
  readonly sent: number
}

const rows = new Map<string, Map<ProviderKind, string>>()
let isAnnounced = false

export function score(scenario: string, provider: ProviderKind, figures: Figures | null): void {
  const row = rows.get(scenario) ?? new Map<ProviderKind, string>()
  row.set(provider, figures === null ? '✘' : `✔ ${ratios(figures)}`.trim())
  rows.set(scenario, row)
  if (isAnnounced || process.env.CONTRACT_TABLE !== '1') return
  isAnnounced = true
  process.once('exit', () => process.stdout.write(`${table()}\n`))
}

function ratios({ size, arrived, sent }: Figures): string {
  return size === 0 ? '' : `${(arrived / size).toFixed(2)} · ${(sent / size).toFixed(2)}`
}

function table(): string {
  const providers = [...new Set([...rows.values()].flatMap((row) => [...row.keys()]))]
  const lines = [
    '',
    'Bytes that arrived ÷ size · bytes handed to sockets ÷ size (sockets on loopback hold some MiB, whatever becomes of them)',
    '',
    `| scenario | ${providers.join(' | ')} |`,
    `|---|${providers.map(() => '---|').join('')}`,
  ]
  for (const [scenario, row] of rows) {
    lines.push(`| ${scenario} | ${providers.map((provider) => row.get(provider) ?? '').join(' | ')} |`)
  }
  return lines.join('\n')
}
