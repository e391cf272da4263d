import { finish, note, play, task } from './task.mjs'

const { PostHog } = await import('posthog-node')

const client = new PostHog(task.write_key, { host: task.host, ...task.options })
client.on('error', note)
await play((method, given) => client[method](given))
await client.shutdown(120_000)
finish()
