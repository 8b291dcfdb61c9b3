// What the form of a cloud account does beyond htmx: it shows the fields of the chosen kind of access, reads the key file of a
// service account into its field, and keeps fields while the form around them is renewed. The form also works without it.
{
  /** A key file has about 2.5 KB. */
  const LARGEST_KEY_FILE = 100_000

  function showKind() {
    const choice = document.getElementById('token_kind')
    if (choice === null) return
    for (const part of document.querySelectorAll('[data-of-kind]')) {
      part.hidden = part.dataset.ofKind !== choice.value
    }
  }

  // Fields that stay keep their attributes, so whether one is wrong is taken from its fault message.
  function markFaults() {
    for (const field of document.querySelectorAll('#account-form :is(input, textarea)[hx-preserve]')) {
      const isAtFault = document.getElementById(`${field.id}-fault`)?.textContent.trim()
      if (isAtFault) field.setAttribute('aria-invalid', 'true')
      else field.removeAttribute('aria-invalid')
    }
  }

  function parsed(text) {
    try {
      return JSON.parse(text)
    } catch {
      // Incomplete, or no JSON. The caller reports it where it matters.
      return undefined
    }
  }

  function showEmail(field) {
    const line = document.getElementById(`${field.dataset.serviceKey}-email`)
    const email = parsed(field.value)?.client_email
    line.hidden = typeof email !== 'string'
    line.querySelector('strong').textContent = typeof email === 'string' ? email : ''
  }

  /** A file that cannot be a key is reported, and the field keeps its content. */
  async function takeFile(file, field) {
    if (file === undefined) return
    const fault = document.getElementById(`${field.dataset.serviceKey}-fault`)
    const text = file.size > LARGEST_KEY_FILE ? null : await file.text()
    const isJson = text !== null && typeof parsed(text) === 'object'
    fault.textContent = text === null ? fault.dataset.tooLarge : isJson ? '' : fault.dataset.noJson
    if (isJson) {
      field.value = text
      showEmail(field)
    }
    markFaults()
  }

  const keyField = (target) => target.closest('[data-service-key]')

  document.addEventListener('change', ({ target }) => {
    if (target.id === 'token_kind') showKind()
    const field = document.querySelector(`[data-service-key="${CSS.escape(target.id)}"]`)
    if (field !== null && target.id !== '') void takeFile(target.files[0], field)
  })
  document.addEventListener('input', ({ target }) => {
    const field = keyField(target)
    if (field !== null) showEmail(field)
  })
  document.addEventListener('dragover', (event) => {
    const field = keyField(event.target)
    if (field === null) return
    event.preventDefault()
    field.dataset.dropping = ''
  })
  document.addEventListener('dragleave', ({ target }) => {
    const field = keyField(target)
    if (field !== null) delete field.dataset.dropping
  })
  document.addEventListener('drop', (event) => {
    const field = keyField(event.target)
    if (field === null) return
    event.preventDefault()
    delete field.dataset.dropping
    void takeFile(event.dataTransfer.files[0], field)
  })
  document.addEventListener('htmx:afterSwap', () => {
    showKind()
    markFaults()
  })
  showKind()
}
