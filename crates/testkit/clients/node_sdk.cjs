// A product that sends with an SDK for Node.js, unmodified:
// `node_sdk.cjs segment|rudder URL WRITE_KEY RETRIES CLOCK`, CLOCK the milliseconds by which the machine's clock is off.
//
// Each line of standard input names a round, in which it makes every call that the SDK has. When the SDK is through
// with them it answers with a line: what was called, when by its own clock (milliseconds), and what reached the error
// handler.

const readline = require('node:readline')

const [sdk, url, writeKey, retries, clock] = process.argv.slice(2)
const DAY = 24 * 60 * 60 * 1000
const failed = new Set()

const RightDate = Date
globalThis.Date = class extends RightDate {
  constructor(...when) {
    super(...(when.length ? when : [Date.now()]))
  }
  static now() {
    return RightDate.now() + Number(clock)
  }
}

function segment() {
  const { Analytics } = require('@segment/analytics-node')
  const analytics = new Analytics({ writeKey, host: url, maxRetries: Number(retries), flushInterval: 200 })
  analytics.on('error', ({ ctx }) => failed.add(ctx.event.messageId))
  return analytics
}

function rudder() {
  const Analytics = require('@rudderstack/rudder-sdk-node')
  return new Analytics(writeKey, {
    dataPlaneUrl: url,
    retryCount: Number(retries),
    axiosRetryConfig: { retryDelay: () => 300 },
    flushInterval: 200,
    logLevel: 'error',
    // Without one a refusal ends the process. What was refused is told to each call's own callback.
    errorHandler: () => {},
  })
}

const analytics = { segment, rudder }[sdk]()

const calls = (round) => ({
  identify: { userId: 'ana', traits: { email: 'ana@example.com', round } },
  group: { userId: 'ana', groupId: 'acme', traits: { name: 'Acme', round } },
  track: { userId: 'ana', event: `Did ${round}`, properties: { pages: 12 } },
  page: { userId: 'ana', category: 'Docs', name: `Page ${round}` },
  screen: { userId: 'ana', category: 'App', name: `Screen ${round}` },
  alias: { userId: 'ana', previousId: `before ${round}`, messageId: `alias ${round}` },
  other: { userId: 'bob', event: `Other ${round}`, context: { groupId: 'bolt' } },
})

// Each call's own callback says when the SDK is through with it. RudderStack's does not tell the call's id.
function make(kind, message) {
  const given = sdk === 'rudder' ? { messageId: `${kind} ${process.pid} ${Math.random()}` } : {}
  const whole = { ...given, ...message }
  return new Promise((resolve) =>
    analytics[kind === 'other' ? 'track' : kind](whole, (error, context) => {
      const id = context?.event?.messageId ?? whole.messageId
      if (error) failed.add(id)
      resolve([id, kind])
    })
  )
}

async function answer(round) {
  failed.clear()
  const made = {}
  const through = Object.entries(calls(round)).map(([kind, message]) => {
    // What happened yesterday comes with its time; the rest the SDK times itself.
    const late = kind === 'track' ? { timestamp: new Date(Date.now() - DAY) } : {}
    made[kind] = (late.timestamp ?? new Date()).getTime()
    return make(kind, { ...message, ...late })
  })
  const ids = Object.fromEntries(await Promise.all(through))
  return { made, ids, failed: [...failed].map((id) => ids[id]).sort() }
}

readline.createInterface({ input: process.stdin }).on('line', async (line) => {
  console.log(JSON.stringify(await answer(line.trim())))
})
