// How much of a long list an answer holds: it travels as one payload of Temporal, whose limit is 2 MiB.

/** Files of one list: a page shows no more anyway. */
const MOST_SHOWN = 2000
/** Bytes of the lists of one answer, as JSON. */
export const MOST_BYTES = 1.5 * 1024 * 1024

/** The first of a list, as many as are shown and as fit into so many bytes of JSON. */
export function firstThatFit<File extends object>(
  files: readonly File[],
  mostBytes: number,
): readonly File[] {
  let bytes = 0
  const end = files.findIndex((file, index) => {
    bytes += Buffer.byteLength(JSON.stringify(file)) + 1
    return index >= MOST_SHOWN || bytes > mostBytes
  })
  return end === -1 ? files : files.slice(0, end)
}
