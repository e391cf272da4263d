import { finish, note, play, task } from './task.mjs'

const { Analytics } = await import('@segment/analytics-node')

const analytics = new Analytics({ writeKey: task.write_key, host: task.host, ...task.options })
analytics.on('error', note)
await play((method, given) => analytics[method](given, (error) => error && note(error)))
await analytics.closeAndFlush({ timeout: 120_000 })
finish()
