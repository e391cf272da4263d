// What one run is given on stdin, and what it tells on stdout: errors that the SDK reported, and
// called_at, the instant of each call by the machine's clock.
// JSON: host, write_key, options of the SDK, clock_seconds (how far this machine's clock is wrong),
// pause_seconds (between two calls) and calls, each [method, {argument: value}], as the SDK has them.

import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

export const task = JSON.parse(readFileSync(0, 'utf8'))

const errors = []
const calledAt = []

// The SDK reports that it gave something up.
export function note(error) {
  errors.push(String(error?.stack ?? error?.reason ?? JSON.stringify(error)))
}

if (task.clock_seconds) {
  const RightDate = Date
  const error = task.clock_seconds * 1000
  globalThis.Date = class extends RightDate {
    constructor(...given) {
      super(...(given.length ? given : [RightDate.now() + error]))
    }

    static now() {
      return RightDate.now() + error
    }
  }
}

// Make the calls, one after the other.
export async function play(call) {
  for (const [method, given] of task.calls) {
    const arguments_ = { ...given }
    if (given.timestamp) arguments_.timestamp = new Date(given.timestamp)
    calledAt.push(new Date().toISOString())
    call(method, arguments_)
    await sleep(task.pause_seconds * 1000)
  }
}

export function finish() {
  process.stdout.write(JSON.stringify({ errors, called_at: calledAt }))
}
