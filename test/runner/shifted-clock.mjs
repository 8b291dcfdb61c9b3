// Loaded by NODE_OPTIONS into every Node process of `npm test -- --days N`: what asks JavaScript for the time gets it N days
// ahead (`?days=` of this address; negative: behind). Node itself goes on with the real time: timers, performance.now(), the times of
// files, the Date header that an HTTP server adds by itself, certificates. So do other programs: PostgreSQL, Temporal, rclone.
const aheadMs = Number(new URL(import.meta.url).searchParams.get('days')) * 86_400_000
if (!Number.isFinite(aheadMs)) throw new Error('?days= must be a number')

const RealDate = Date
const realNow = Date.now
RealDate.now = () => realNow() + aheadMs

const ShiftedDate = new Proxy(RealDate, {
  construct: (target, args, newTarget) =>
    Reflect.construct(target, args.length === 0 ? [target.now()] : args, newTarget),
  apply: (target) => new target(target.now()).toString(),
})
RealDate.prototype.constructor = ShiftedDate
globalThis.Date = ShiftedDate
