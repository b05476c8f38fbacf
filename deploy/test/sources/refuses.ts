/** What is said of sources that cannot be played, and of their secrets. */
import t from 'tap'
import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'
import { makeOffer } from '../../verify/offer.ts'
import {
  CAMERA_AUDIO,
  CAMERA_VIDEO,
  startCamera,
} from './fixtures/camera-feed.ts'
import { makeFile } from './fixtures/media-file.ts'
import { Product } from './fixtures/product.ts'
import { takePorts } from '../../../shared/test/fixtures/ports.ts'

const UDP_PORTS = await takePorts(200)

/** Users and passwords of which no part may be shown. */
const LOGINS = [
  ['admin', 'p@sSECRET'],
  ['admin', 'pa#sSECRET'],
  ['admin', 'x:sSECRET'],
  ['ad@min', 'plSECRET'],
  ['admin', 'a b?SECRET&x=1'],
  ['admin', 'q"SECRET'],
  ['admin', 'sl/SECRET'],
  ['admin', '%53ECRET SECRET%'],
] as const

t.test('sources that cannot be played', { jobs: 3 }, async t => {
  const product = await Product.start(t, UDP_PORTS)

  for (const [index, [user, password]] of LOGINS.entries()) {
    t.test(`no part of the password of ${user}:${password}`, async t => {
      const id = `login-${index}`
      const login = { user, password }
      const camera = await startCamera(t, {
        video: CAMERA_VIDEO,
        audio: CAMERA_AUDIO,
        login,
      })
      const address = camera.url.replace('//', `//${user}:${password}@`)
      await product.add(t, id, {
        inputs: [{ address, options: ['-rtsp_transport', 'tcp'] }],
        more: { reconnect: false },
      })
      // FFmpeg takes some of them as they stand, and some as another address.
      const exec = await waitFor(
        async () => {
          const [state, status] = await Promise.all([
            product.state(id),
            product.status(id),
          ])
          return (
            (status.state === 'live' || state.exec === 'failed') && state.exec
          )
        },
        'an FFmpeg that plays or has failed',
        90_000,
      )
      t.comment(`FFmpeg is ${exec}`)
      const shown = await Promise.all(
        ['/state', '/report', '?filter=state,report'].map(path =>
          product.call('GET', `/api/v3/process/${id}${path}`),
        ),
      )
      const texts = [
        ...shown.map(({ text }) => text),
        JSON.stringify(await product.status(id)),
        await product.metrics(),
        product.log,
      ]
      for (const text of texts) t.notMatch(text, 'SECRET')
      await product.remove(id)
    })
  }

  t.test('an FFmpeg that has ended for good: 409', async t => {
    const id = 'once'
    const address = await makeFile(t, { name: 'short.mp4', seconds: 8 })
    await product.add(t, id, {
      inputs: [{ address, options: ['-re'] }],
      more: { reconnect: false },
    })
    await product.live(id)
    t.equal(await product.offer(id, makeOffer()), 201, 'while it plays')
    await waitFor(
      async () => (await product.state(id)).exec !== 'running',
      'the end of the file',
      90_000,
    )
    t.equal(await product.offer(id, makeOffer()), 409, 'when it is over')
  })

  t.test('music with a cover has no picture', async t => {
    const id = 'cover'
    const cover = await makeFile(t, {
      name: 'cover.png',
      seconds: 1,
      video: ['-map', '0:v', '-frames:v', '1', '-c:v', 'png'],
      audio: [],
    })
    const address = await makeFile(t, {
      name: 'song.mp3',
      seconds: 6,
      inputs: ['-i', cover],
      video: ['-map', '2:v', '-c:v', 'png', '-disposition:v', 'attached_pic'],
      audio: ['-map', '1:a', '-c:a', 'libmp3lame'],
    })
    await product.add(t, id, { inputs: [{ address, options: ['-re'] }] })
    const { legs } = await product.becomes(
      id,
      ({ legs }) => legs.video?.cause === 'no-such-stream',
      'video leg that has no such stream',
    )
    t.not(legs.audio?.cause, 'no-such-stream', 'there is sound')
    t.not(legs.video?.state, 'live', 'nothing black is played')
  })

  t.test('a camera that asks for a login that is not given', async t => {
    const id = 'no-login'
    const camera = await startCamera(t, {
      video: CAMERA_VIDEO,
      login: { user: 'admin', password: 'admin' },
    })
    await product.add(t, id, { inputs: [{ address: camera.url }] })
    const { degraded_reason } = await product.becomes(
      id,
      ({ state }) => state === 'failed',
      'failed stream',
    )
    t.notMatch(degraded_reason, 'no such stream', 'that is not the cause')
  })
})
