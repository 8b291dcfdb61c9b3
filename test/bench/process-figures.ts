// What a process costs, as the Linux kernel counts it (proc(5)): processor time and the peak of its resident memory.

import { readFile, writeFile } from 'node:fs/promises'

/** The unit of `utime` and `stime`: USER_HZ is 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100
const UTIME = 11
const STIME = 12

/** User and system time of the process with all its threads, in seconds. */
export async function cpuSeconds(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
  // The name in parentheses may hold spaces: counted from behind it, beginning with the state.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[UTIME]) + Number(fields[STIME])) / TICKS_PER_SECOND
}

/** The most memory that was resident at once since the start, or since `forgetPeak`, in bytes. */
export async function peakBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  const kib = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]
  if (kib === undefined) throw new Error(`/proc/${pid}/status states no VmHWM`)
  return Number(kib) * 1024
}

/** Lets the peak begin anew from what is resident now. */
export async function forgetPeak(pid: number): Promise<void> {
  await writeFile(`/proc/${pid}/clear_refs`, '5')
}
