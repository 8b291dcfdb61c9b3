// A program that takes the lock of the folder it is given, and is killed.
import { lockDataDir } from '../../temporal-dev/data-lock.ts'

await lockDataDir(process.argv[2] ?? '')
process.kill(process.pid, 'SIGKILL')
