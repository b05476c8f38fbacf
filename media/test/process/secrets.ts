/** Passwords in addresses, with a whole media process and a real FFmpeg. */
import t from 'tap'

import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'
import { requireFfmpeg } from '../fixtures/require-ffmpeg.ts'
import { wholeApp } from '../fixtures/whole-app.ts'

requireFfmpeg(t)
t.setTimeout(180_000)

/** A word that occurs in no other output. */
const WORD = 'zq7Word'
/**
 * FFmpeg resolves the part before the first `/ ? #` as a host name: so any
 * part that may become one is an address of this machine.
 */
const USER = '127.0.0.1'
const HOST = '127.0.0.2:9'
const PASSWORDS = [
  ...[`p@127.0.0.3`, `x:y`, `a b?&x=1`, `q"'`, `sl/`, `ha#`, `12/`, `q?`],
  ...[`%40%2F`, `100%`, `[b]{c}`, `\\b`, `é密`, `@127.0.0.3/`, `://`, `|`],
].map(before => `${before}${WORD}`)
const SCHEMES = ['rtsp', 'rtmp', 'http', 'ftp', 'tcp', 'srt', 'crypto:http']

interface Case {
  readonly address: string
  readonly options?: readonly string[]
}

const CASES: readonly Case[] = [
  ...PASSWORDS.map((password, at) => ({
    address: `${SCHEMES[at % 4] ?? ''}://${USER}:${password}@${HOST}/cam`,
  })),
  ...SCHEMES.map(scheme => ({
    address: `${scheme}://${USER}:a@127.0.0.3/${WORD}@${HOST}/cam`,
  })),
  { address: `http://${HOST}/cam?user=a&password=${WORD}&channel=1` },
  { address: `srt://${HOST}?mode=caller&passphrase=${WORD}#9/x` },
  { address: `concat:http://${HOST}/a|http://u:${WORD}/b@${HOST}/c` },
  { address: `subfile,,start,0,end,0,,:http://u:${WORD}/b@${HOST}/c` },
  {
    address: `http://${HOST}/cam`,
    options: ['-headers', `Authorization: Bearer ${WORD}\r\n`],
  },
  // With all of FFmpeg's output, including how it parses its arguments.
  {
    address: `rtsp://${USER}:p@127.0.0.3/${WORD}@${HOST}/cam`,
    options: ['-loglevel', 'debug'],
  },
]

await t.test('no API response, report or log contains a password', async t => {
  const app = await wholeApp(t)
  await Promise.all(
    CASES.map(async ({ address, options = [] }, at) => {
      const { status, text } = await app.call('POST', '/api/v3/process', {
        id: `cam${at}`,
        input: [{ id: 'in', address, options }],
        output: [{ id: 'out', address: '-', options: ['-f', 'null'] }],
        options: options.includes('-loglevel') ? options : [],
        reconnect: false,
        // As many as there are ports for.
        webrtc: { enabled: at < 4 },
      })
      t.equal(status, 200, text)
    }),
  )
  for (const [at, { address }] of CASES.entries()) {
    const path = `/api/v3/process/cam${at}`
    await waitFor(async () => {
      const { exec } = (await app.get(`${path}/state`)) as { exec: string }
      return exec === 'failed'
    })
    const state = await app.call('GET', `${path}/state`)
    const report = await app.call('GET', `${path}/report`)
    t.notMatch(state.text, WORD, address)
    t.notMatch(report.text, WORD, address)
    // Shows which address failed.
    t.match(state.text, /\*\*\*/, address)
    const { log } = JSON.parse(report.text) as { log: unknown[] }
    t.ok(log.length > 0, address)
  }
  const shown = await Promise.all([
    app.call('GET', '/api/v3/process?filter=state,report'),
    app.call('GET', '/api/v3/webrtc/streams'),
  ])
  for (const { text } of shown) t.notMatch(text, WORD)
  t.equal(app.logged.filter(line => line.includes(WORD)).length, 0)
  // Upstream's clients read a configuration, change it and write it back.
  const config = await app.call('GET', '/api/v3/process/cam0/config')
  t.match(config.text, WORD)
})

await t.test('errors do not quote a rejected address', async t => {
  const app = await wholeApp(t, {
    CORE_FFMPEG_ACCESS_INPUT_ALLOW: '^rtsp://allowed',
  })
  const add = (address: unknown) =>
    app.call('POST', '/api/v3/process', {
      id: 'cam',
      input: [{ id: 'in', address }],
      webrtc: { enabled: true },
    })
  for (const address of [
    `rtsp://u:${WORD}@${HOST}/cam`,
    `rtsp://u:{fs:${WORD}}@allowed`,
    `rtsp://u:${WORD}\0@allowed`,
  ]) {
    const { status, text } = await add(address)
    t.equal(status, 400)
    t.notMatch(text, WORD, address)
  }
  for (const broken of [
    `{"address": "rtsp://u:${WORD}@h"`,
    `{"address": rtsp://u:${WORD}@h}`,
    `{"address": "rtsp://u:"${WORD}"@h"}`,
  ]) {
    const response = await fetch(`${app.origin}/api/v3/process`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: broken,
    })
    t.equal(response.status, 400)
    t.notMatch(await response.text(), WORD, broken)
  }
  t.equal(app.logged.filter(line => line.includes(WORD)).length, 0)
})
