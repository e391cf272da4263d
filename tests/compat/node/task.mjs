// What one run is given on stdin, and what it tells on stdout: errors that the SDK reported, and
// called_at, beginning and end of each call by a right clock.
// A line of JSON: host, write_key, options of the SDK, clock_seconds (how far this machine's clock is
// wrong), pause_seconds (between two calls) and parts: lists of calls, each [method, {argument: value}],
// as the SDK has them. Before each part but the first it waits for another line.

import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'

const input = createInterface({ input: process.stdin })
const lines = input[Symbol.asyncIterator]()
const nextLine = async () => (await lines.next()).value

export const task = JSON.parse(await nextLine())

const errors = []
const calledAt = []

// The SDK reports that it gave something up.
export function note(error) {
  errors.push(String(error?.stack ?? error?.reason ?? JSON.stringify(error)))
}

const RightDate = Date
if (task.clock_seconds) {
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

// Make the calls, one after the other, part by part.
export async function play(call) {
  for (const [number, part] of task.parts.entries()) {
    if (number) await nextLine()
    for (const [method, given] of part) {
      const arguments_ = { ...given }
      if (given.timestamp) arguments_.timestamp = new Date(given.timestamp)
      const beganAt = new RightDate().toISOString()
      call(method, arguments_)
      calledAt.push([beganAt, new RightDate().toISOString()])
      await sleep(task.pause_seconds * 1000)
    }
  }
}

export function finish() {
  input.close()
  process.stdout.write(JSON.stringify({ errors, called_at: calledAt }))
}
