import { finish, note, play, task } from './task.mjs'

const { default: Analytics } = await import('@rudderstack/rudder-sdk-node')

const analytics = new Analytics(task.write_key, {
  dataPlaneUrl: task.host,
  logLevel: 'none',
  errorHandler: note,
  ...task.options,
})
let open = task.parts.flat().length
let allSettled
const settled = new Promise((resolve) => {
  allSettled = resolve
})
// Called once for each event, whether it was delivered or given up.
const settle = () => {
  open -= 1
  if (!open) allSettled()
}
await play((method, given) => analytics[method](given, settle))
await analytics.flush()
await settled
finish()
