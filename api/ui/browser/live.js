// Parts of a page that renew themselves. New markup from a stream or a request changes only what differs, so that focus,
// selection, opened details, ticks and tooltips stay. A hidden tab closes its stream, because a browser has six connections per
// host for all of its tabs. The stream is opened again when the tab is visible.

/** Attributes that a person or a script changes, which the server does not know. */
const OWN_ATTRIBUTES = new Set(['class', 'open', 'disabled', 'aria-busy', 'data-hushed'])

function keepsOwn(name, element) {
  if (OWN_ATTRIBUTES.has(name)) return true
  if (element.localName !== 'input') return false
  // Ticked or typed by a person.
  return (
    (name === 'checked' && element.checked !== element.defaultChecked) ||
    (name === 'value' && element.value !== element.defaultValue)
  )
}

/** app.js writes the text of a time in the browser's time zone, so an unchanged time is left alone. */
function isSameTime(element, wanted) {
  return (
    element.localName === 'time' &&
    element.dateTime === wanted.dateTime &&
    element.dataset.style === wanted.dataset.style
  )
}

/**
 * Makes `element` like `wanted`. Elements are told apart by their IDs: a link to elsewhere, or a form that does something
 * else, has another ID, so that it cannot take the place that somebody is about to press.
 */
function morph(element, wanted, added) {
  window.Idiomorph.morph(element, wanted, {
    callbacks: {
      beforeNodeMorphed: (node, other) => !isSameTime(node, other),
      beforeAttributeUpdated: (name, node) => !keepsOwn(name, node),
      afterNodeAdded: (node) => {
        if (node.nodeType === Node.ELEMENT_NODE) added.push(node)
      },
    },
  })
}

/** Each element of the markup renews the one of its ID. Returns whether one was missing, and whether one was removed. */
function renewParts(markup) {
  const template = document.createElement('template')
  template.innerHTML = markup
  const focused = document.activeElement
  const added = []
  let isMissing = false
  let isFewer = false
  for (const wanted of [...template.content.children]) {
    const element = document.getElementById(wanted.id)
    if ('gone' in wanted.dataset) {
      isFewer ||= element !== null
      element?.remove()
    } else if (element === null) isMissing = true
    else morph(element, wanted, added)
  }
  for (const element of added) window.htmx.process(element)
  if (!focused.isConnected) {
    // The focused element is gone, such as Cancel at the end. The focus moves to the content, and not to the top of the page.
    const next = (focused.id && document.getElementById(focused.id)) || document.getElementById('content')
    next?.focus({ preventScroll: true })
  }
  document.dispatchEvent(new CustomEvent('live:renewed'))
  return { isMissing, isFewer }
}

/** Fetches a part again, if it names the event that does so. */
function fetchAgain(element) {
  const name = /sse:[\w-]+/.exec(element.getAttribute('hx-trigger') ?? '')?.[0]
  if (name !== undefined) window.htmx.trigger(element, name)
}

document.addEventListener('htmx:sseBeforeMessage', (event) => {
  const { target, detail } = event
  if (!target.hasAttribute('sse-swap')) return
  event.preventDefault()
  const { isMissing, isFewer } = renewParts(detail.data)
  const isEmpty = isFewer && target.querySelector('tbody > tr') === null
  if (isEmpty || (isMissing && 'grows' in target.dataset)) fetchAgain(target)
})

document.addEventListener('htmx:beforeSwap', ({ detail }) => {
  const isRenewal =
    detail.target.hasAttribute('sse-connect') && 'x-renewal' in (detail.requestConfig?.headers ?? {})
  if (!isRenewal || !detail.shouldSwap || detail.xhr.status !== 200) return
  detail.shouldSwap = false
  renewParts(detail.serverResponse)
})

// Long enough to look into another tab for a moment.
const HIDDEN_MS = 3_000
const streams = new Set()
const answered = new Set()

/** Stands in for an EventSource in htmx's extension for streams. Connected only while the tab is visible. */
function openStream(url) {
  const listeners = []
  let source = null
  const stream = {
    onopen: null,
    onerror: null,
    readyState: EventSource.CONNECTING,
    addEventListener(name, listener) {
      listeners.push([name, listener])
      source?.addEventListener(name, listener)
    },
    removeEventListener(name, listener) {
      const at = listeners.findIndex(([ownName, own]) => ownName === name && own === listener)
      if (at >= 0) listeners.splice(at, 1)
      source?.removeEventListener(name, listener)
    },
    close() {
      streams.delete(stream)
      stream.pause()
      stream.readyState = EventSource.CLOSED
    },
    pause() {
      source?.close()
      source = null
    },
    resume() {
      if (source !== null) return
      source = new EventSource(url)
      for (const [name, listener] of listeners) source.addEventListener(name, listener)
      source.onopen = (event) => {
        stream.readyState = EventSource.OPEN
        stream.onopen?.(event)
        // Changes that happened without a connection were not sent.
        if (answered.has(url)) for (const each of document.querySelectorAll('[sse-connect]')) fetchAgain(each)
        answered.add(url)
      }
      source.onerror = (event) => {
        stream.readyState = event.target.readyState
        if (stream.readyState === EventSource.CLOSED) streams.delete(stream)
        stream.onerror?.(event)
      }
    },
  }
  streams.add(stream)
  if (!document.hidden) stream.resume()
  return stream
}

window.htmx.createEventSource = openStream

let hiding
document.addEventListener('visibilitychange', () => {
  clearTimeout(hiding)
  if (document.hidden) {
    hiding = setTimeout(() => {
      for (const stream of streams) stream.pause()
    }, HIDDEN_MS)
  } else for (const stream of streams) stream.resume()
})
