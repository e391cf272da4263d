import { finish, note, play, task } from './task.mjs'

const { default: Analytics } = await import('@rudderstack/rudder-sdk-node')

const analytics = new Analytics(task.write_key, {
  dataPlaneUrl: task.host,
  logLevel: 'none',
  errorHandler: note,
  ...task.options,
})
let open = task.calls.length
const delivered = new Promise((resolve) => {
  // Called once for each event, whether it was delivered or given up.
  globalThis.settled = () => --open || resolve()
})
await play((method, given) => analytics[method](given, globalThis.settled))
await analytics.flush()
await delivered
finish()
