// The login page, and the page that changes one's own password. The first password must be changed at once.

import type { Principal } from '../../access/principal.ts'
import { type ApiProblem, faultOf } from '../../ui/api-call.ts'
import { inputField } from '../../ui/forms.ts'
import { icon } from '../../ui/icons.ts'
import { layout, messageBox } from '../../ui/layout.ts'
import { html, type Markup } from '../../ui/markup.ts'

const texts = {
  product: 'Cloud Sync',
  login: {
    title: 'Sign in',
    lead: 'Sign in to see whether your backups are safe.',
    username: 'Username',
    password: 'Password',
    submit: 'Sign in',
    loggedOut: 'You are logged out.',
  },
  password: {
    firstTitle: 'Change your password',
    firstLead: 'You must set a new password before continuing.',
    title: 'Change password',
    lead: 'Your other sessions end; this one goes on.',
    current: 'Current password',
    next: 'New password',
    nextHint: 'At least 8 characters; a phrase of several words is best.',
    again: 'Confirm new password',
    differs: 'The two new passwords differ.',
    firstSubmit: 'Set password and continue',
    submit: 'Set password',
    logOut: 'Log out',
  },
} as const

export function loginPage(view: {
  readonly next: string | null
  readonly username?: string
  readonly problem?: ApiProblem | null
  readonly isLoggedOut?: boolean
}): Markup {
  const { next, username = '', problem = null, isLoggedOut = false } = view
  const t = texts.login
  const body = html`<div data-component="card">
<div data-component="brand">${icon('cloud')}<span>${texts.product}</span></div>
<form data-component="form" method="post" action="/login">
<div><h1>${t.title}</h1><p data-component="muted">${t.lead}</p></div>
${isLoggedOut ? messageBox({ kind: 'success', text: t.loggedOut }) : null}
${problem === null ? null : messageBox({ kind: 'danger', text: problem.detail })}
${next === null ? null : html`<input type="hidden" name="next" value="${next}">`}
${inputField({ name: 'username', label: t.username, value: username, isRequired: true, autocomplete: 'username', attributes: html`autofocus autocapitalize="none"` })}
${inputField({ name: 'password', label: t.password, type: 'password', isRequired: true, autocomplete: 'current-password' })}
<button data-component="button" data-kind="primary">${t.submit}</button>
</form>
</div>`
  return layout({ title: t.title, principal: null, body })
}

export const PASSWORDS_DIFFER = texts.password.differs

export function passwordPage(view: {
  readonly principal: Principal
  readonly problem: ApiProblem | null
  /** Where to go on afterwards. */
  readonly next: string | null
}): Markup {
  const { principal, problem, next } = view
  const t = texts.password
  const isFirst = principal.mustChangePassword
  const title = isFirst ? t.firstTitle : t.title
  const other = problem !== null && problem.errors.length === 0 ? problem.detail : null
  const form = html`<form data-component="form" method="post" action="/password">
<div><h1>${title}</h1><p data-component="muted">${isFirst ? t.firstLead : t.lead}</p></div>
${other === null ? null : messageBox({ kind: 'danger', text: other })}
${next === null ? null : html`<input type="hidden" name="next" value="${next}">`}
<input type="text" name="username" value="${principal.session?.user.username ?? ''}" autocomplete="username" hidden>
${inputField({ name: 'current_password', label: t.current, type: 'password', isRequired: true, autocomplete: 'current-password', fault: faultOf(problem, 'current_password'), attributes: html`autofocus` })}
${inputField({ name: 'new_password', label: t.next, type: 'password', isRequired: true, autocomplete: 'new-password', hint: t.nextHint, fault: faultOf(problem, 'new_password') })}
${inputField({ name: 'repeated_password', label: t.again, type: 'password', isRequired: true, autocomplete: 'new-password', fault: faultOf(problem, 'repeated_password') })}
<div data-component="cluster"><button data-component="button" data-kind="primary">${isFirst ? t.firstSubmit : t.submit}</button></div>
</form>`
  const logOut = html`<form method="post" action="/logout"><button data-component="plain-button">${t.logOut}</button></form>`
  return isFirst
    ? layout({ title, principal: null, body: html`<div data-component="card">${form}${logOut}</div>` })
    : layout({ title, principal, active: 'account', body: html`<div data-component="card">${form}</div>` })
}
