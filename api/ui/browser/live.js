// Parts of a page that renew themselves: markup from a stream, or a part that is fetched again, changes only what differs,
// so that focus, selection, opened details, ticks and tooltips stay. A tab that nobody sees gives its stream back, because
// a browser keeps six connections to a host for all of its tabs; it is read again when the tab is looked at.

/** What a person or a script has done to an element, and the server does not know of. */
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

/** The text of a time is written anew by app.js, in the zone of the browser. */
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

/** Each element of the markup replaces the one of its ID. Says whether one had none to replace, and whether one is gone. */
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
    // What was focused is over, such as Cancel at the end: the keyboard goes on from the content, not from the top.
    const next = (focused.id && document.getElementById(focused.id)) || document.getElementById('content')
    next?.focus({ preventScroll: true })
  }
  document.dispatchEvent(new CustomEvent('live:renewed'))
  return { isMissing, isFewer }
}

/** Fetches a part again that says by which event of its stream it does so. */
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

// Long enough to look at another tab for a moment.
const HIDDEN_MS = 3_000
const streams = new Set()
const answered = new Set()

/** What the extension for streams takes for an EventSource; connected only while the tab is seen. */
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
        // What happened while it was away was told to nobody.
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
