// A web page that sends with Segment's SDK for browsers, unmodified, in Chromium:
// `browser_sdk.cjs standard|batching URL WRITE_KEY RETRIES CLOCK`, CLOCK the milliseconds by which its clock is off.
//
// Each line of standard input names a round, in which it makes every call that the SDK has. When the SDK is through
// with them it answers with a line: what was called, when by its own clock (milliseconds), and what reached the error
// handler.

const http = require('node:http')
const fs = require('node:fs')
const path = require('node:path')
const readline = require('node:readline')
const { chromium } = require('playwright-core')

const [strategy, url, writeKey, retries, clock] = process.argv.slice(2)
const SDK = path.join(process.env.NODE_PATH, '@segment/analytics-next/dist/umd')
const PAGE = '<!doctype html><title>A product</title><script src="/index.js"></script>'
const delivered = new Set()

// The product's own site: another origin than where its page sends to.
function site() {
  const server = http.createServer((request, response) => {
    const file = path.join(SDK, path.basename(request.url))
    const script = request.url.endsWith('.js') && fs.existsSync(file)
    response.setHeader('content-type', script ? 'text/javascript' : 'text/html')
    response.end(script ? fs.readFileSync(file) : PAGE)
  })
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)))
}

const load = async ({ url, writeKey, retries, strategy }) => {
  // By time, not by size: a full batch that is to wait is sent again by the timer that was set before it was full.
  const deliveryStrategy = { strategy, config: strategy === 'batching' ? { size: 50, timeout: 200 } : {} }
  const quick = { maxRetryCount: retries, baseBackoffInterval: 0.1, maxBackoffInterval: 0.5 }
  const httpConfig = { backoffConfig: quick }
  window.failed = new Set()
  ;[window.analytics] = await window.AnalyticsNext.AnalyticsBrowser.load(
    { writeKey, cdnURL: url },
    { integrations: { 'Segment.io': { deliveryStrategy, httpConfig } } }
  )
  window.analytics.on('error', ({ ctx }) => window.failed.add(ctx.event.messageId))
}

const make = async (round) => {
  const { analytics } = window
  const [made, ids] = [{}, {}]
  const yesterday = new Date(Date.now() - 24 * 60 * 60 * 1000)
  const calls = {
    identify: () => analytics.identify('ana', { email: 'ana@example.com', round }),
    group: () => analytics.group('acme', { name: 'Acme', round }),
    // What happened yesterday comes with its time; the rest the SDK times itself.
    track: () => analytics.track(`Did ${round}`, { pages: 12 }, { timestamp: yesterday }),
    page: () => analytics.page('Docs', `Page ${round}`),
    screen: () => analytics.screen('App', `Screen ${round}`),
    alias: () => analytics.alias('ana', `before ${round}`, { messageId: `alias ${round}` }),
    other: () => analytics.track(`Other ${round}`, {}, { context: { groupId: 'acme' } }),
  }
  const begun = Object.entries(calls).map(([kind, call]) => {
    made[kind] = (kind === 'track' ? yesterday : new Date()).getTime()
    return call().then((ctx) => (ids[ctx.event.messageId] = kind))
  })
  await Promise.all(begun)
  return { made, ids }
}

function heard(response) {
  const request = response.request()
  if (request.method() !== 'POST' || response.status() !== 200) return
  const body = request.postDataJSON()
  for (const { messageId } of body.batch ?? [body]) delivered.add(messageId)
}

async function answer(page, round) {
  const { made, ids } = await page.evaluate(make, round)
  const through = () => page.evaluate(() => [...window.failed])
  let failed = await through()
  while (!Object.keys(ids).every((id) => delivered.has(id) || failed.includes(id))) {
    await new Promise((resolve) => setTimeout(resolve, 20))
    failed = await through()
  }
  return { made, ids, failed: failed.filter((id) => id in ids).map((id) => ids[id]).sort() }
}

// The SDK asks for its settings once when it loads: where that fails, whoever looks at the page loads it again.
async function open(page, address) {
  for (;;) {
    await page.goto(address)
    try {
      return await page.evaluate(load, { url, writeKey, strategy, retries: Number(retries) })
    } catch (error) {
      if (!error.message.includes('Failed to fetch')) throw error
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
}

async function main() {
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM })
  const page = await browser.newPage()
  page.on('console', (message) => console.error(message.text()))
  page.on('response', heard)
  await page.clock.install({ time: Date.now() + Number(clock) })
  await open(page, `http://127.0.0.1:${await site()}/`)
  for await (const line of readline.createInterface({ input: process.stdin })) {
    console.log(JSON.stringify(await answer(page, line.trim())))
  }
  await browser.close()
  process.exit(0)
}

main().catch((error) => {
  console.error(error)
  process.exit(1)
})
