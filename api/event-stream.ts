// Server-sent events to one browser. Messages wait in a mailbox with one place a subject: a slow reader gets the latest
// of each and never makes the queue grow. A comment goes out when there is nothing to say, so that proxies keep the
// connection and a reader that has vanished is noticed; the login is checked again at each of them.

import type { Context } from 'hono'
import { stream } from 'hono/streaming'
import type { Logger } from '../db/log.ts'
import type { AppEnv } from './app-context.ts'

/** `data` is sent as JSON, but markup of a page as it is. */
export type StreamMessage =
  | { readonly event: string; readonly data: object }
  | { readonly event: string; readonly markup: string }

export interface Mailbox {
  /** Replaces what waits under the same subject. */
  put(subject: string, message: StreamMessage): void
  /** Ends the stream after what waits was sent. */
  end(): void
}

export type EventStream = {
  /** Begins to fill the mailbox; returns the function that stops it. */
  readonly open: (mailbox: Mailbox) => () => void
  /** Asked at every heartbeat; false ends the stream. */
  readonly isAllowed: () => Promise<boolean>
  readonly log: Pick<Logger, 'warn'>
}

export const HEARTBEAT_MS = 15_000

export function streamEvents(c: Context<AppEnv>, { open, isAllowed, log }: EventStream): Response {
  c.header('content-type', 'text/event-stream; charset=utf-8')
  // Told to nginx, which would collect the events otherwise.
  c.header('x-accel-buffering', 'no')
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
        // What a browser waits before it connects again.
        await channel.write('retry: 3000\n\n')
        for (;;) {
          const messages = await mailbox.take(HEARTBEAT_MS)
          if (channel.aborted || messages === 'over') return
          for (const message of messages) {
            const text = 'markup' in message ? message.markup : JSON.stringify(message.data)
            await channel.write(`event: ${message.event}\n${dataLines(text)}\n`)
          }
          if (messages.length > 0) continue
          if (!(await isAllowed())) return
          await channel.write(': still here\n\n')
        }
      } finally {
        close()
      }
    },
    async (err) => log.warn({ err }, 'an event stream broke off'),
  )
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
    /** What waits, as soon as there is something; nothing after `ms`; 'over' when it has ended and is empty. */
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
