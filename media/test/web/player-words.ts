/** The messages of the player page, from getStats and the server's status. */
import fc from 'fast-check'
import t from 'tap'
import { Picture } from '../../web/static/picture.js'
import { withFault, wordsOnPlay } from '../../web/static/play-words.js'
import { Sound } from '../../web/static/sound.js'

type Perceived = Parameters<typeof wordsOnPlay>[0]

/** Samples a picture from `fromMs` to `toMs`; returns the state each time. */
function sample(
  picture: Picture,
  {
    framesAt,
    timesMs,
  }: {
    framesAt: (nowMs: number) => number
    timesMs: readonly number[]
  },
) {
  return timesMs.map(nowMs => {
    const frames = framesAt(nowMs)
    const stats = {
      packetsReceived: 3 * frames,
      framesReceived: frames,
      framesDecoded: frames,
    }
    picture.take(stats, nowMs)
    return { nowMs, ...picture.state(nowMs) }
  })
}

/** One sample per second. */
const everySecond = (fromS: number, toS: number) =>
  Array.from({ length: toS - fromS + 1 }, (_, i) => (fromS + i) * 1_000)

t.test('a steady picture is moving at any sampling interval', t => {
  const waits = fc.array(fc.integer({ min: 1, max: 2_500 }), { minLength: 50 })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 60 }), waits, (fps, waitsMs) => {
      let nowMs = 0
      const timesMs = waitsMs.map(waitMs => (nowMs += waitMs))
      const framesAt = (ms: number) => 1 + Math.floor((ms * fps) / 1_000)
      const samples = sample(new Picture(), { framesAt, timesMs })
      return samples.every(({ at }) => at === 'moving')
    }),
  )
  t.pass()
  t.end()
})

for (const everyS of [5, 8, 13, 30]) {
  t.test(`Picture waits for a source with a frame every ${everyS} s`, t => {
    const picture = new Picture()
    const framesAt = (ms: number) => 1 + Math.floor(ms / (everyS * 1_000))
    const lastS = everyS * 10
    const samples = sample(picture, {
      framesAt,
      timesMs: everySecond(0, lastS),
    })
    const states = new Set(samples.map(({ at }) => at))
    t.strictSame([...states], ['moving', 'slow'], 'the picture is never still')
    t.match(samples.at(-1), { at: 'slow', everyMs: everyS * 1_000 })
    const stopped = sample(picture, {
      framesAt: () => framesAt(lastS * 1_000),
      timesMs: everySecond(lastS + 1, lastS + 100),
    })
    const still = stopped.find(({ at }) => at === 'still')
    const afterS = (still?.nowMs ?? Infinity) / 1_000 - lastS
    t.ok(afterS > everyS * 1.5 && afterS <= everyS + 21, `${afterS} s`)
    t.end()
  })
}

t.test('a picture that stops is reported as still within seconds', t => {
  const picture = new Picture()
  const stillAfter = (fromS: number, frames: number) => {
    const moves = sample(picture, {
      framesAt: ms => frames + (ms / 1_000 - fromS) * 25,
      timesMs: everySecond(fromS, fromS + 20),
    })
    t.ok(moves.slice(1).every(({ at }) => at === 'moving'))
    const stops = sample(picture, {
      framesAt: () => frames + 500,
      timesMs: everySecond(fromS + 20, fromS + 60),
    })
    const still = stops.find(({ at }) => at === 'still')
    return (still?.nowMs ?? Infinity) / 1_000 - fromS - 20
  }
  t.equal(stillAfter(0, 0), 5)
  t.equal(stillAfter(60, 500), 5, 'a single long pause is not a rhythm')
  t.end()
})

t.test('packets without a decoded frame are undecoded', t => {
  const picture = new Picture()
  t.match(picture.state(0), { at: 'none' })
  picture.take({ packetsReceived: 5 }, 1_000)
  t.strictSame(picture.state(3_000), {
    at: 'undecoded',
    forMs: 2_000,
    whole: false,
  })
  picture.take({ packetsReceived: 9, framesReceived: 1 }, 4_000)
  t.match(picture.state(4_000), { at: 'undecoded', whole: true })
  for (const s of [5, 6, 7]) {
    picture.take({ packetsReceived: 9 + s, framesDecoded: s }, s * 1_000)
  }
  t.match(picture.state(7_000), { at: 'moving' })
  picture.take({ packetsReceived: 99, framesDecoded: 7 }, 12_000)
  t.strictSame(picture.state(12_000), { at: 'still', arrives: true })
  t.strictSame(picture.state(16_000), { at: 'still', arrives: false })
  picture.restart()
  t.match(picture.state(16_000), { at: 'none' })
  t.end()
})

/** For each second, the share of its 50 packets and 48,000 samples received. */
function listenTo(sound: Sound, heard: readonly number[]) {
  let packetsReceived = 0
  let concealedSamples = 0
  return heard.map((share, i) => {
    packetsReceived += 50
    concealedSamples += 48_000 * (1 - share)
    const totalSamplesReceived = (i + 1) * 48_000
    const stats = { packetsReceived, totalSamplesReceived, concealedSamples }
    sound.take(stats, i * 1_000)
    return sound.state(i * 1_000)
  })
}

t.test('concealed sound does not count as heard', t => {
  const seconds = (count: number, share: number) =>
    Array.from({ length: count }, () => share)
  const concealed = listenTo(new Sound(), seconds(8, 0))
  t.equal(concealed[5], 'none')
  t.equal(concealed[6], 'silent')
  const lossy = listenTo(new Sound(), seconds(20, 0.5))
  t.ok(lossy.every(state => state === 'heard'))
  const ends = listenTo(new Sound(), [...seconds(10, 1), ...seconds(10, 0)])
  t.equal(ends.indexOf('silent'), 16)
  const comes = listenTo(new Sound(), [...seconds(9, 0), ...seconds(4, 1)])
  t.equal(comes.at(-1), 'heard')
  const bursts = [...seconds(4, 1), ...seconds(4, 0)]
  t.notOk(
    listenTo(
      new Sound(),
      Array.from({ length: 10 }, () => bursts).flat(),
    ).includes('silent'),
    'sound may have a rhythm too',
  )
  const packetsOnly = new Sound()
  packetsOnly.take({ packetsReceived: 50 }, 0)
  t.equal(packetsOnly.state(0), 'heard', 'packets count if nothing is played')
  t.end()
})

const HEALTHY: Perceived = {
  picture: { at: 'moving' },
  sound: 'heard',
  legs: { video: 'live', audio: 'live' },
  shown: true,
  paused: false,
  waitedMs: 10_000,
}

t.test('every missing part has its own message', t => {
  const shows = (
    state: string,
    words: string,
    { legs, ...perceived }: Partial<Perceived> = {},
  ) => {
    t.strictSame(
      wordsOnPlay({
        ...HEALTHY,
        ...perceived,
        legs: { ...HEALTHY.legs, ...legs },
      }),
      { state, words },
    )
  }
  const first = 'Connected, waiting for the first picture.'
  const keyFrame =
    'Connected, waiting for the next key frame. The picture starts with it.'
  const none = { at: 'none' } as const
  const legs = (video: 'starting' | 'failed' | undefined) => ({
    legs: { video, audio: 'live' as const },
  })

  shows('playing', 'Playing.')
  shows('playing', 'Playing.', { picture: undefined })
  shows('playing', 'Playing.', { sound: undefined })
  shows('playing', 'Playing.', { sound: 'none', waitedMs: 3_000 })
  shows('paused', 'Paused: press play.', { paused: true })
  shows(
    'playing',
    'Waiting for the next picture: this source sends one every 8 s.',
    { picture: { at: 'slow', everyMs: 8_040 } },
  )

  shows('connected', first, { shown: false })
  shows('connected', first, {
    picture: { at: 'slow', everyMs: 8_000 },
    shown: false,
  })
  shows('playing', 'Playing.', { picture: undefined, shown: false })
  shows('connected', first, { picture: none, waitedMs: 1_000 })
  shows('connected', `${keyFrame} Sound plays.`, { picture: none })
  shows('connected', keyFrame, { picture: none, sound: undefined })
  shows('connected', first, { picture: none, ...legs(undefined) })
  shows('connected', 'Sound plays; the picture has not started yet.', {
    picture: none,
    ...legs('starting'),
  })
  const soundOnly = 'Sound only: no picture arrives.'
  shows('degraded', soundOnly, { picture: none, ...legs('failed') })
  shows('degraded', soundOnly, { picture: none, waitedMs: 31_000 })
  const down = 'Connected, but no picture arrives: the source may be down.'
  const quiet = { picture: none, sound: 'none' } as const
  shows('failed', down, { ...quiet, ...legs('failed') })
  shows('failed', down, { ...quiet, waitedMs: 31_000 })
  shows('connected', keyFrame, { ...quiet, waitedMs: 29_000 })

  const undecoded = (forMs: number, whole: boolean) =>
    ({ picture: { at: 'undecoded', forMs, whole } }) as const
  shows('connected', first, undecoded(1_000, false))
  shows('connected', keyFrame, undecoded(7_000, false))
  const black = 'Sound only: the picture arrives, but cannot be decoded.'
  shows('degraded', black, undecoded(9_000, false))
  shows('degraded', black, undecoded(6_000, true))
  shows('degraded', black, undecoded(60_000, true))
  shows('degraded', 'The picture arrives, but cannot be decoded.', {
    ...undecoded(6_000, true),
    sound: undefined,
  })
  shows('failed', 'Connected, but the picture cannot be decoded.', {
    ...undecoded(31_000, true),
    sound: 'silent',
  })

  const still = (arrives: boolean) =>
    ({ picture: { at: 'still', arrives } }) as const
  shows('still', 'The picture stands still; the sound goes on.', still(false))
  shows('still', 'The picture stands still: waiting for the source.', {
    ...still(false),
    sound: 'silent',
  })
  shows(
    'still',
    'The picture stands still: what arrives is not decoded.',
    still(true),
  )

  shows('degraded', 'The picture plays. No sound arrives.', { sound: 'silent' })
  shows('degraded', 'The picture plays. No sound arrives.', { sound: 'none' })
  shows('degraded', 'The picture plays. No sound arrives.', {
    legs: { video: 'live', audio: 'failed' },
  })
  shows('connected', 'The picture plays; the sound has not started yet.', {
    sound: 'none',
    legs: { video: 'live', audio: 'starting' },
  })
  const alone = { picture: undefined } as const
  shows('connected', 'Connected, waiting for the sound.', {
    ...alone,
    sound: 'none',
  })
  shows('still', 'No sound arrives: waiting for the source.', {
    ...alone,
    sound: 'silent',
  })
  shows('failed', 'Connected, but no sound arrives: the source may be down.', {
    ...alone,
    sound: 'none',
    legs: { video: undefined, audio: 'failed' },
  })
  t.end()
})

t.test('a stream with a fault is never shown as merely playing', t => {
  const playing = { state: 'playing', words: 'Playing.' }
  const reason = 'video: no key frame for 10 s'
  const faulty = { degraded: true, degraded_reason: reason }
  t.strictSame(withFault(playing, undefined), playing)
  t.strictSame(withFault(playing, { degraded: false }), playing)
  t.strictSame(withFault(playing, faulty), {
    state: 'degraded',
    words: `The stream has a fault: ${reason}.`,
  })
  t.strictSame(withFault(playing, { degraded: true }), {
    state: 'degraded',
    words: 'The stream has a fault.',
  })
  t.strictSame(withFault({ state: 'still', words: 'Waiting.' }, faulty), {
    state: 'still',
    words: `Waiting. The stream has a fault: ${reason}.`,
  })
  t.end()
})

t.test('a fault of the source is shown without the details of the legs', t => {
  const shown = { state: 'starting', words: 'Not started.' } as const
  const status = {
    degraded: true,
    degraded_reason: 'video: FFmpeg ended',
    source_fault: 'no-answer',
  }
  t.equal(
    withFault(shown, status).words,
    'Not started. The camera does not answer.',
  )
  t.match(
    withFault(shown, { ...status, source_fault: 'from a newer server' }).words,
    /video: FFmpeg ended/,
  )
  t.end()
})
