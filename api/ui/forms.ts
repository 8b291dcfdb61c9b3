// Fields of forms, each linked to its label, hint and fault for screen readers.

import { asSentence } from './fault-text.ts'
import { html, type Markup, type Part } from './markup.ts'

type FieldOptions = {
  readonly name: string
  readonly label: string
  readonly value?: string | undefined
  readonly hint?: Part
  readonly fault?: string | null | undefined
  readonly isRequired?: boolean | undefined
  readonly placeholder?: string | undefined
  readonly autocomplete?: string | undefined
  /** The browser keeps what was typed while the form around it is renewed. For values that are never sent back. */
  readonly isPreserved?: boolean | undefined
  /** Takes the room that is left, in a row of filters. */
  readonly grows?: boolean | undefined
}

type InputOptions = FieldOptions & {
  readonly type?: 'text' | 'password' | 'search' | 'number' | 'date' | 'datetime-local'
  readonly list?: string
  readonly min?: number
  /** More attributes, as markup. */
  readonly attributes?: Markup
}

/** A field of one line. */
export function inputField(options: InputOptions): Markup {
  const { type = 'text', list, min, value, attributes = null } = options
  return field(
    options,
    html`<input type="${type}" ${shared(options)} ${value === undefined ? null : html`value="${value}"`} ${
      list === undefined ? null : html`list="${list}"`
    } ${min === undefined ? null : html`min="${min}"`} ${attributes}>`,
  )
}

/** A field of several lines. */
export function textareaField(
  options: FieldOptions & { readonly rows: number; readonly attributes?: Markup },
) {
  const { rows, value = '', attributes = null } = options
  return field(
    options,
    html`<textarea rows="${rows}" spellcheck="false" ${shared(options)} ${attributes}>${value}</textarea>`,
  )
}

type Choice = { readonly value: string; readonly label: string }

/** A field with fixed choices. */
export function selectField(options: FieldOptions & { readonly choices: readonly Choice[] }): Markup {
  const { choices, value } = options
  return field(
    options,
    html`<select ${shared(options)}>${choices.map(
      (choice) =>
        html`<option value="${choice.value}" ${choice.value === value ? html`selected` : null}>${choice.label}</option>`,
    )}</select>`,
  )
}

/** A box with its label behind it. */
export function checkbox(options: {
  readonly name: string
  readonly label: Part
  readonly value?: string
  readonly isOn?: boolean
  readonly id?: string
}): Markup {
  const { name, label, value = 'on', isOn = false, id = name } = options
  return html`<div data-component="choice"><input type="checkbox" id="${id}" name="${name}" value="${value}" ${
    isOn ? html`checked` : null
  }><label for="${id}">${label}</label></div>`
}

/** A form with one button, for an action that needs no fields. */
export function actionButton(options: {
  readonly action: string
  readonly label: Part
  readonly kind?: 'primary' | 'danger'
  readonly isPlain?: boolean
  readonly confirm?: string
  readonly isDisabled?: boolean
  readonly fields?: Readonly<Record<string, string>>
}): Markup {
  const { action, label, kind, isPlain = false, confirm, isDisabled = false, fields = {} } = options
  return html`<form method="post" action="${action}">${Object.entries(fields).map(
    ([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`,
  )}<button data-component="${isPlain ? 'plain-button' : 'button'}" ${
    kind === undefined ? null : html`data-kind="${kind}"`
  } ${confirm === undefined ? null : html`data-confirm="${confirm}"`} ${isDisabled ? html`disabled` : null}>${label}</button></form>`
}

function shared(options: FieldOptions): Markup {
  const { name, isRequired, placeholder, autocomplete, isPreserved = false, hint, fault } = options
  // A preserved field keeps its attributes, so it names the place of its fault in advance.
  const described = [hint ? `${name}-hint` : '', fault || isPreserved ? `${name}-fault` : '']
    .filter(Boolean)
    .join(' ')
  return html`id="${name}" name="${name}" ${isRequired ? html`required` : null} ${
    placeholder === undefined ? null : html`placeholder="${placeholder}"`
  } ${autocomplete === undefined ? null : html`autocomplete="${autocomplete}"`} ${
    described === '' ? null : html`aria-describedby="${described}"`
  } ${isPreserved ? html`hx-preserve` : null} ${fault ? html`aria-invalid="true"` : null}`
}

function field({ name, label, hint, fault, grows }: FieldOptions, control: Markup): Markup {
  return html`<div data-component="field" ${grows ? html`data-grow` : null}>
<label for="${name}">${label}</label>
${control}
${hint ? html`<div data-component="hint" id="${name}-hint">${hint}</div>` : null}
${fault ? html`<div data-component="field-error" id="${name}-fault">${asSentence(fault)}</div>` : null}
</div>`
}
