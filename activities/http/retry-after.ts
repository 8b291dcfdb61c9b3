// The Retry-After header (RFC 9110, section 10.2.3).

/** How long it asks to wait, in milliseconds: it names seconds or a date. Undefined where it is missing or unreadable. */
export function retryAfterMs(header: string | null | undefined, now: number): number | undefined {
  if (header === null || header === undefined || header.trim() === '') return undefined
  if (/^\s*\d+\s*$/.test(header)) return Number(header) * 1000
  const at = Date.parse(header)
  return Number.isNaN(at) ? undefined : Math.max(0, at - now)
}
