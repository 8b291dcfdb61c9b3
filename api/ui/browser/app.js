// What the pages do beyond htmx: times in the browser's time zone, copying to the clipboard, confirmations, forms that need a
// choice, and keeping opened parts open while a part of a page is fetched. live.js has the parts that renew themselves. Pages
// can be read without any of it.

const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' })
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' })
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'long' })
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' })
const STEPS = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
]

function ago(date) {
  const seconds = (date.getTime() - Date.now()) / 1000
  for (const [unit, size] of STEPS) {
    if (Math.abs(seconds) >= size) return relative.format(Math.trunc(seconds / size), unit)
  }
  return relative.format(Math.trunc(seconds), 'second')
}

function showTimes(root) {
  for (const element of root.querySelectorAll('time[data-style]')) {
    const date = new Date(element.dateTime)
    const { style } = element.dataset
    const text = style === 'ago' ? ago(date) : (style === 'clock' ? clock : full).format(date)
    if (element.textContent !== text) element.textContent = text
    element.title = exact.format(date)
  }
}

const opened = new Map()

function rememberOpen(root) {
  for (const details of root.querySelectorAll('details[id]')) opened.set(details.id, details.open)
}

function reopen(root) {
  for (const details of root.querySelectorAll('details[id]')) {
    if (opened.has(details.id)) details.open = opened.get(details.id)
  }
}

document.addEventListener('click', async (event) => {
  const button = event.target.closest('[data-copy]')
  if (button === null) return
  const text = document.getElementById(button.dataset.copy)?.textContent ?? ''
  await navigator.clipboard.writeText(text)
  const before = button.textContent
  button.textContent = button.dataset.done ?? 'Copied'
  setTimeout(() => {
    button.textContent = before
  }, 2_000)
})

document.addEventListener(
  'submit',
  (event) => {
    const { submitter, target } = event
    const question = submitter?.dataset.confirm ?? target.dataset.confirm
    if (question !== undefined && !window.confirm(question)) {
      event.preventDefault()
      event.stopPropagation()
      return
    }
    if (target.matches('[hx-post], [hx-get]') || submitter?.matches('[hx-post], [hx-get]')) return
    submitter?.setAttribute('aria-busy', 'true')
  },
  true,
)

// A page from the browser's history must not look busy forever.
window.addEventListener('pageshow', () => {
  for (const button of document.querySelectorAll('[aria-busy="true"]')) button.removeAttribute('aria-busy')
})

// Escape hides a text that hover or focus shows, until the next hover or focus.
document.addEventListener('keydown', (event) => {
  if (event.key !== 'Escape') return
  for (const mark of document.querySelectorAll('[data-component="mark"]:is(:hover, :focus-within)')) {
    mark.dataset.hushed = ''
    const end = () => delete mark.dataset.hushed
    mark.addEventListener('pointerleave', end, { once: true })
    mark.addEventListener('focusout', end, { once: true })
  }
})

document.addEventListener('htmx:beforeSwap', () => rememberOpen(document))
document.addEventListener('htmx:afterSwap', () => {
  reopen(document)
  refresh()
})
document.addEventListener('live:renewed', refresh)

// Without a choice there is nothing to send. The server would refuse it, so the button is disabled.
function showChoice(form) {
  const hasChoice = form.querySelector('input[type="checkbox"]:checked') !== null
  for (const button of form.querySelectorAll('button')) button.disabled = !hasChoice
}

document.addEventListener('change', ({ target }) => {
  const form = target.closest('form[data-needs-choice]')
  if (form !== null) showChoice(form)
})

// What lies above a row's link has its own text on hover. A click on it still opens the row.
document.addEventListener('click', (event) => {
  const above = event.target.closest('tr[data-opens] > td > :is(time, [data-above])')
  if (above === null || String(window.getSelection()) !== '') return
  const { ctrlKey, metaKey, shiftKey } = event
  const link = above.closest('tr').querySelector('a[data-cover]')
  link.dispatchEvent(new MouseEvent('click', { bubbles: true, cancelable: true, ctrlKey, metaKey, shiftKey }))
})

// Days of a filter are in this browser's time zone. In the capture phase, so that htmx finds the zone in the form.
for (const name of ['input', 'change']) {
  document.addEventListener(
    name,
    ({ target }) => {
      const zone = target.form?.querySelector('input[data-zone]') ?? null
      if (zone === null) return
      const days = [...target.form.querySelectorAll('input[type="date"]')]
      zone.value = Intl.DateTimeFormat().resolvedOptions().timeZone
      zone.disabled = days.every(({ value }) => value === '')
    },
    true,
  )
}

function refresh() {
  showTimes(document)
  for (const form of document.querySelectorAll('form[data-needs-choice]')) showChoice(form)
}

refresh()
setInterval(() => showTimes(document), 30_000)
