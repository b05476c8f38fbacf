import { setTimeout as delay } from 'node:timers/promises'
import { Agent, request } from 'undici'

const ASK_EVERY_MS = 100
const ANSWER_WITHIN_MS = 2_000

/**
 * Resolves once the URL answers 200, and asks until then. The certificate of
 * our own exporter on our own machine is taken as it is.
 */
export async function healthy(url: string, signal: AbortSignal): Promise<void> {
  const dispatcher = new Agent({
    connect: { rejectUnauthorized: false },
    headersTimeout: ANSWER_WITHIN_MS,
    bodyTimeout: ANSWER_WITHIN_MS,
  })
  try {
    while (!(await answersOk(url, dispatcher, signal))) {
      await delay(ASK_EVERY_MS, undefined, { signal })
    }
  } finally {
    await dispatcher.destroy()
  }
}

async function answersOk(
  url: string,
  dispatcher: Agent,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    const { statusCode, body } = await request(url, { dispatcher, signal })
    await body.dump()
    return statusCode === 200
  } catch {
    signal.throwIfAborted()
    return false
  }
}
