// Stageline in a page (docs/ways-in/browser.md). Nothing is sent or kept before the visitor agrees.
(() => {
  const script = document.currentScript
  const { key, consent = 'ask', categories = 'analytics', text } = script.dataset
  const url = new URL('v1/touchpoints', script.src).href
  const preferences = Object.fromEntries(categories.split(',').map((name) => [name.trim(), true]))
  const newId = () =>
    [...crypto.getRandomValues(new Uint8Array(16))].map((n) => (n + 256).toString(16).slice(1)).join('')
  let agreed, visitor, user
  let waiting = []

  const post = (body, attempt) =>
    fetch(url, { method: 'POST', keepalive: true, headers: { authorization: 'Bearer ' + key }, body })
      .then((answer) => { if (answer.status == 429 || answer.status > 499) throw answer })
      .catch(() => attempt < 5 && setTimeout(post, 2000 << attempt, body, attempt + 1))

  const deliver = (touchpoint) => {
    const context = { consent: { categoryPreferences: preferences } }
    post(JSON.stringify({ ...touchpoint, anonymous_id: visitor, context }), 0)
  }

  const send = (fields) => {
    const occurred_at = new Date().toISOString()
    const touchpoint = { ...fields, user_id: user, message_id: newId(), occurred_at, channel: 'website' }
    if (agreed) deliver(touchpoint)
    else if (agreed === undefined && waiting.length < 50) waiting.push(touchpoint)
  }

  const store = (value) => { try { localStorage.stageline = value } catch {} }

  const decide = (yes) => {
    agreed = !!yes
    visitor = agreed ? visitor || newId() : undefined
    store(visitor || 'no')
    if (agreed) waiting.forEach(deliver)
    waiting = []
  }

  const ask = () => {
    const german = (document.documentElement.lang || navigator.language).startsWith('de')
    const box = document.createElement('div')
    box.setAttribute('role', 'dialog')
    box.style.cssText = 'position:fixed;bottom:1rem;left:1rem;max-width:26rem;padding:1rem;' +
      'border:1px solid;background:#fff;color:#111;font:1rem/1.4 system-ui;z-index:2147483647'
    box.append(text || (german
      ? 'Dürfen wir mit einer Kennung in Ihrem Browser messen, welche Seiten Sie besuchen?'
      : 'May we measure which pages you visit, with an id in your browser?'))
    for (const [label, yes] of [[german ? 'Ja' : 'Yes', true], [german ? 'Nein' : 'No', false]]) {
      const button = document.createElement('button')
      button.textContent = label
      button.style.cssText = 'display:block;width:100%;margin-top:.5rem;font:inherit'
      button.onclick = () => { box.remove(); decide(yes) }
      box.append(button)
    }
    document.body.append(box)
  }

  const api = {
    track: (event, properties) => send({ event, properties }),
    identify: (id, traits) => { user = id; send({ event: 'Person Identified', traits, email: traits?.email }) },
    consent: decide,
    push: ([call, ...values]) => api[call](...values),
  }

  let kept
  try { kept = localStorage.stageline } catch {}
  if (kept && kept != 'no') visitor = kept
  if (visitor || consent == 'granted') decide(true)
  else if (kept || navigator.globalPrivacyControl) agreed = false
  else if (consent == 'ask') document.body ? ask() : addEventListener('DOMContentLoaded', ask)

  const campaign = {}
  for (const [name, value] of new URLSearchParams(location.search)) {
    if (/^utm_(campaign|source|medium|term|content)$/.test(name)) campaign[name == 'utm_campaign' ? 'name' : name.slice(4)] = value
  }
  const early = window.stageline || []
  window.stageline = api
  const properties = { path: location.pathname, title: document.title, referrer: document.referrer }
  send({ event: 'Page Viewed', properties, campaign: Object.keys(campaign)[0] && campaign })
  early.forEach(api.push)
})()
