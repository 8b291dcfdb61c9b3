// Server-sent events to one browser. Messages wait in a mailbox that holds one message per subject: a slow reader gets the
// latest of each, and the queue never grows. The login is checked every few seconds, and the stream ends when it is gone. A
// comment is sent when there was no event, so that proxies keep the connection and a vanished reader is noticed. The events
// are written here and not by hono's streamSSE, which would send the text of an internal error to the browser.

import type { Context } from 'hono'
import { stream } from 'hono/streaming'
import type { Logger } from '../../db/process/log.ts'
import type { AppEnv } from '../access/principal.ts'

/** `data` is sent as JSON, `markup` as it is. */
type StreamMessage =
  | { readonly event: string; readonly data: object }
  | { readonly event: string; readonly markup: string }

export interface Mailbox {
  /** Replaces the waiting message of the same subject. */
  put(subject: string, message: StreamMessage): void
  /** Ends the stream after the waiting messages are sent. */
  end(): void
}

type EventStream = {
  /** Begins to fill the mailbox; returns the function that stops it. */
  readonly open: (mailbox: Mailbox) => () => void
  /** Asked at every heartbeat; false ends the stream. */
  readonly isAllowed: () => Promise<boolean>
  readonly log: Pick<Logger, 'warn'>
  /** Default: HEARTBEAT_MS. */
  readonly heartbeatMs?: number
}

/** A login that was revoked gets nothing more after this time. */
const HEARTBEAT_MS = 15_000

/** The stream ends when the client leaves, the mailbox ends or the login is gone. */
export function streamEvents(
  c: Context<AppEnv>,
  { open, isAllowed, log, heartbeatMs = HEARTBEAT_MS }: EventStream,
): Response {
  c.header('content-type', 'text/event-stream; charset=utf-8')
  // For nginx, which would buffer the events otherwise.
  c.header('x-accel-buffering', 'no')
  // Nobody would read the stream or close it.
  if (c.req.method === 'HEAD') return c.body(null)
  return stream(
    c,
    async (channel) => {
      const mailbox = createMailbox()
      const close = open(mailbox)
      channel.onAbort(() => {
        close()
        mailbox.end()
      })
      try {
        // How long a browser waits before it reconnects.
        await channel.write('retry: 3000\n\n')
        let checkAt = performance.now() + heartbeatMs
        for (;;) {
          const messages = await mailbox.take(Math.max(checkAt - performance.now(), 0))
          if (channel.aborted || messages === 'over') return
          if (performance.now() >= checkAt) {
            if (!(await isAllowed())) return
            checkAt = performance.now() + heartbeatMs
            if (messages.length === 0) await channel.write(': still here\n\n')
          }
          const texts = messages.map(textOf)
          if (texts.length > 0) await channel.write(texts.join(''))
        }
      } finally {
        close()
      }
    },
    async (err) => log.warn({ err }, 'an event stream broke off'),
  )
}

/**
 * Orders answers that take different times. `ask` is called for each question; the function that it returns is called when
 * the answer arrives, and is false when a later question was answered before.
 */
export function createAnswerOrder(): { ask(): () => boolean } {
  let asked = 0
  let answered = 0
  return {
    ask() {
      asked += 1
      const number = asked
      return () => {
        if (number < answered) return false
        answered = number
        return true
      }
    },
  }
}

function textOf(message: StreamMessage): string {
  const text = 'markup' in message ? message.markup : JSON.stringify(message.data)
  return `event: ${message.event}\n${dataLines(text)}\n`
}

function dataLines(text: string): string {
  return text
    .split(/\r\n|\r|\n/)
    .map((line) => `data: ${line}\n`)
    .join('')
}

function createMailbox() {
  const waiting = new Map<string, StreamMessage>()
  let isOver = false
  let wake = () => {}

  return {
    put(subject: string, message: StreamMessage): void {
      waiting.set(subject, message)
      wake()
    },
    end(): void {
      isOver = true
      wake()
    },
    /** The waiting messages, as soon as there are any; none after `ms`; 'over' when the mailbox is empty and has ended. */
    async take(ms: number): Promise<readonly StreamMessage[] | 'over'> {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms)
        wake = () => {
          clearTimeout(timer)
          resolve()
        }
        if (waiting.size > 0 || isOver) wake()
      })
      if (waiting.size === 0 && isOver) return 'over'
      const messages = [...waiting.values()]
      waiting.clear()
      return messages
    },
  }
}
