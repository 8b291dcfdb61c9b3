// How a program that may not run as root gets at files below a folder that its user may not enter (/root is 0700).
// First way: a mount namespace of its own, in which the folders are bound to a place that everybody may enter. The user
// gets no right that others lack, nothing is mounted for any other process, and the mounts end with the last process in
// the namespace. No user namespace: there, root of the namespace would keep root's rights over files.
// Second way, where no namespace can be made: the capability to read and search every file.
import { lstat } from 'node:fs/promises'
import { relative } from 'node:path'

export type WayIn = {
  /** The arguments that run `program` as the user, with `cwd` (a path outside) as its folder. */
  readonly command: (program: readonly string[], cwd: string) => readonly string[]
  /** Where the program finds the file that lies at `path`. */
  readonly inside: (path: string) => string
}

type User = { readonly uid: number; readonly gid: number }

/** Folders of every Linux system that hold nothing PostgreSQL needs: one is covered, for its processes alone. */
const MOUNT_POINTS = ['/mnt', '/media', '/srv', '/opt']

/**
 * $1: what is covered by an empty file system, $2 and $3: names of the places in it, $4 and $5: the folders that are bound
 * there, $6: the working folder; the program follows. -n: the machine's list of mounts is not written.
 */
const MOUNT_AND_RUN = `
mount -n -t tmpfs -o mode=0755,nosuid,nodev,size=64k,nr_inodes=16 cloud-sync "$1"
mkdir "$1/$2" "$1/$3"
mount -n --rbind "$4" "$1/$2"
mount -n --rbind "$5" "$1/$3"
mount -n -o remount,ro "$1"
cd "$6"
shift 6
exec "$@"`

/** The first way for two folders, given by their real paths. Undefined where there is no place for the mounts. */
export async function mountedWay(
  user: User,
  folders: { readonly programs: string; readonly data: string },
): Promise<WayIn | undefined> {
  const point = await findMountPoint(Object.values(folders))
  if (point === undefined) return undefined
  // Names of their own, so that servers of several folders can be told apart by the paths that they say.
  const [programs, data] = await Promise.all(
    Object.values(folders).map(async (folder) => `cloud-sync-${(await lstat(folder)).ino}`),
  )
  const places = [
    [folders.programs, `${point}/${programs}`],
    [folders.data, `${point}/${data}`],
  ] as const
  const inside = (path: string) => {
    for (const [folder, place] of places) {
      if (path === folder || path.startsWith(`${folder}/`)) return place + path.slice(folder.length)
    }
    return path
  }
  return {
    inside,
    command: (program, cwd) => [
      ...['unshare', '--mount', '--propagation', 'private', '--', '/bin/sh', '-euc', MOUNT_AND_RUN, 'sh'],
      ...[point, programs ?? '', data ?? '', folders.programs, folders.data, inside(cwd)],
      ...['setpriv', ...asUser(user), '--inh-caps=-all', '--', ...program],
    ],
  }
}

/**
 * The second way. The kernel drops capabilities in access(2), by which PostgreSQL looks for its own files, unless
 * SECBIT_NO_SETUID_FIXUP is set.
 */
export function readingWay(user: User): WayIn {
  return {
    inside: (path) => path,
    command: (program) => [
      ...['setpriv', '--securebits=+no_setuid_fixup', ...asUser(user)],
      ...['--inh-caps=-all,+dac_read_search', '--ambient-caps=-all,+dac_read_search', '--', ...program],
    ],
  }
}

function asUser({ uid, gid }: User): readonly string[] {
  return [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups']
}

/** Must not cover the folders themselves: they are bound after it is covered. */
async function findMountPoint(folders: readonly string[]): Promise<string | undefined> {
  for (const point of MOUNT_POINTS) {
    if (folders.some((folder) => !relative(point, folder).startsWith('..'))) continue
    const found = await lstat(point).catch(() => undefined)
    if (found?.isDirectory()) return point
  }
  return undefined
}
