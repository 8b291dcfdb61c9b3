// What the pages do beyond htmx: times in the zone of the browser, texts to the clipboard, confirmations, and keeping
// open what a person has opened while parts of a page are renewed. Pages can be read without any of it.

const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' })
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
    const text = element.dataset.style === 'ago' ? ago(date) : full.format(date)
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

// A page from the browser's history must not look busy for ever.
window.addEventListener('pageshow', () => {
  for (const button of document.querySelectorAll('[aria-busy="true"]')) button.removeAttribute('aria-busy')
})

// Text that came with hover or focus goes away by Escape, and comes again with the next visit.
document.addEventListener('keydown', (event) => {
  if (event.key !== 'Escape') return
  for (const mark of document.querySelectorAll('[data-component="mark"]:is(:hover, :focus-within)')) {
    mark.dataset.hushed = ''
    const end = () => delete mark.dataset.hushed
    mark.addEventListener('pointerleave', end, { once: true })
    mark.addEventListener('focusout', end, { once: true })
  }
})

for (const name of ['htmx:beforeSwap', 'htmx:sseBeforeMessage']) {
  document.addEventListener(name, () => rememberOpen(document))
}
for (const name of ['htmx:afterSwap', 'htmx:sseMessage']) {
  document.addEventListener(name, () => {
    reopen(document)
    showTimes(document)
  })
}

showTimes(document)
setInterval(() => showTimes(document), 30_000)

// The key file of a service account: read here and put into its field, with the address to share the folder with.
function showKeyFile(field) {
  const line = document.getElementById(`${field.dataset.keyFile}-email`)
  let email
  try {
    email = JSON.parse(field.value).client_email
  } catch {
    // Not whole yet, or no JSON: the form says so when it is sent.
  }
  line.hidden = typeof email !== 'string'
  line.querySelector('strong').textContent = typeof email === 'string' ? email : ''
}

async function takeFile(file, field) {
  if (file === undefined || file.size > 200_000) return
  field.value = await file.text()
  showKeyFile(field)
}

for (const field of document.querySelectorAll('textarea[data-key-file]')) {
  field.addEventListener('input', () => showKeyFile(field))
  field.addEventListener('dragover', (event) => {
    event.preventDefault()
    field.dataset.dropping = ''
  })
  field.addEventListener('dragleave', () => delete field.dataset.dropping)
  field.addEventListener('drop', (event) => {
    event.preventDefault()
    delete field.dataset.dropping
    void takeFile(event.dataTransfer.files[0], field)
  })
}
for (const input of document.querySelectorAll('input[type="file"][data-into]')) {
  input.addEventListener('change', () =>
    takeFile(input.files[0], document.getElementById(input.dataset.into)),
  )
}
