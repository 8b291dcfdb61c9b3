// The one frame of all pages: head, navigation, the place for messages. Pages bring their title and body.

import type { Principal } from '../access/principal.ts'
import { assetPaths } from './assets.ts'
import { type IconName, icon, sprite } from './icons.ts'
import { html, type Markup, type Part } from './markup.ts'

const texts = {
  product: 'Cloud Sync',
  skip: 'Skip to the content',
  navigation: 'Main',
  account: 'Account',
  logOut: 'Log out',
  password: 'Change password',
} as const

const NAVIGATION = [
  { key: 'runs', href: '/', label: 'Run History', icon: 'history' },
  { key: 'overview', href: '/overview', label: 'Overview', icon: 'overview' },
  { key: 'instances', href: '/instances', label: 'Instances', icon: 'instance' },
  { key: 'cloud', href: '/cloud', label: 'Cloud accounts', icon: 'cloud' },
  { key: 'audit', href: '/audit', label: 'Audit', icon: 'audit' },
  { key: 'settings', href: '/settings', label: 'Settings', icon: 'settings' },
] as const satisfies readonly { key: string; href: string; label: string; icon: IconName }[]

type NavigationKey = (typeof NAVIGATION)[number]['key'] | 'account'

export type Message = { readonly kind: 'success' | 'warning' | 'danger' | 'none'; readonly text: Part }

export type PageFrame = {
  readonly title: string
  /** Null before the login, and on error pages without one. */
  readonly principal: Principal | null
  readonly active?: NavigationKey | undefined
  readonly message?: Message | null | undefined
  /** The notice that uploads stand still. Undefined where the page has not checked: the browser asks for it then. */
  readonly standstill?: Part
  readonly body: Part
}

/** htmx without eval and without style attributes. The body of a refusal is shown too. */
const HTMX_CONFIG = JSON.stringify({
  allowEval: false,
  includeIndicatorStyles: false,
  historyCacheSize: 0,
  selfRequestsOnly: true,
  responseHandling: [
    { code: '204', swap: false },
    { code: '...', swap: true },
  ],
})

/** The whole document of a page. */
export function layout(frame: PageFrame): Markup {
  const { title, principal, message = null, body } = frame
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="htmx-config" content="${HTMX_CONFIG}">
<title>${title} · ${texts.product}</title>
<link rel="icon" href="${assetPaths.favicon}" type="image/svg+xml">
<link rel="stylesheet" href="${assetPaths.style}">
<script src="${assetPaths.htmx}" defer></script>
<script src="${assetPaths.script}" defer></script>
</head>
<body data-component="${principal === null ? 'bare' : 'shell'}">
${sprite}
<a data-component="skip" href="#content">${texts.skip}</a>
${principal === null ? null : sidebar(principal, frame.active)}
<main id="content" tabindex="-1">
${principal === null ? null : standstillPlace(frame.standstill)}
${messagesPlace(message)}
${body}
</main>
</body>
</html>`
}

/** The address of the notice that uploads stand still (overview/standstill-notice.ts). */
export const STANDSTILL_PATH = '/live/standstill'

/** Asks again while the page is open. It sends along what it shows, so that nothing is read out twice. */
function standstillPlace(known: Part | undefined): Markup {
  const trigger = known === undefined ? 'load delay:300ms, every 15s' : 'every 15s'
  return html`<div id="standstill" role="status" hx-get="${STANDSTILL_PATH}" hx-trigger="${trigger}" hx-include="this" hx-swap="innerHTML" hx-headers='{"x-renewal":"true"}'>${known ?? null}</div>`
}

/** Streams renew it too: a message disappears when it no longer holds. */
export function messagesPlace(message: Message | null): Markup {
  return html`<div id="messages" role="status" aria-live="polite">${message === null ? null : messageBox(message)}</div>`
}

/** A message with its icon. */
export function messageBox({ kind, text }: Message): Markup {
  const shown = kind === 'success' ? icon('check') : icon('warn')
  return html`<div data-component="message" data-kind="${kind}">${shown}<div>${text}</div></div>`
}

function sidebar(principal: Principal, active: NavigationKey | undefined): Markup {
  const name = principal.session?.user.username ?? principal.actor
  return html`<header data-component="sidebar">
<a data-component="brand" href="/">${icon('cloud')}<span>${texts.product}</span></a>
<nav aria-label="${texts.navigation}"><ul>${NAVIGATION.map(
    ({ key, href, label, icon: name }) =>
      html`<li><a data-component="nav-link" href="${href}" ${key === active ? html`aria-current="page"` : null}>${icon(name)}<span>${label}</span></a></li>`,
  )}</ul></nav>
<div data-component="me">
<a data-component="nav-link" href="/password" title="${texts.password}" ${active === 'account' ? html`aria-current="page"` : null}>${icon('user')}<span>${name}</span></a>
<form method="post" action="/logout"><button data-component="plain-button">${texts.logOut}</button></form>
</div>
</header>`
}
