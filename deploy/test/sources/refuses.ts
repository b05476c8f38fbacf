/** Sources that cannot be played, and passwords in source addresses. */
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

/** Users and passwords; no part of a password may be shown. */
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

t.test('unusable sources are reported', { jobs: 3 }, async t => {
  const product = await Product.start(t, UDP_PORTS)

  for (const [index, [user, password]] of LOGINS.entries()) {
    t.test(`no output shows the password of ${user}:${password}`, async t => {
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
      // FFmpeg parses some of these addresses as another host or path.
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
        'FFmpeg to play or fail',
        90_000,
      )
      t.comment(`FFmpeg is ${exec}`)
      const responses = await Promise.all(
        ['/state', '/report', '?filter=state,report'].map(path =>
          product.call('GET', `/api/v3/process/${id}${path}`),
        ),
      )
      const texts = [
        ...responses.map(({ text }) => text),
        JSON.stringify(await product.status(id)),
        await product.metrics(),
        product.log,
      ]
      for (const text of texts) t.notMatch(text, 'SECRET')
      await product.remove(id)
    })
  }

  t.test('a POST gets 409 when FFmpeg has ended for good', async t => {
    const id = 'once'
    const address = await makeFile(t, { name: 'short.mp4', seconds: 8 })
    await product.add(t, id, {
      inputs: [{ address, options: ['-re'] }],
      more: { reconnect: false },
    })
    await product.live(id)
    t.equal(await product.offer(id, makeOffer()), 201, 'while FFmpeg runs')
    await waitFor(
      async () => (await product.state(id)).exec !== 'running',
      'the end of the file',
      90_000,
    )
    t.equal(await product.offer(id, makeOffer()), 409, 'when FFmpeg has ended')
  })

  t.test('the video leg of music with cover art has no stream', async t => {
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
      'a video leg without a stream',
    )
    t.not(legs.audio?.cause, 'no-such-stream', 'the audio leg has a stream')
    t.not(legs.video?.state, 'live', 'no black picture is sent')
  })

  t.test('a camera that requires a login fails without one', async t => {
    const id = 'no-login'
    const camera = await startCamera(t, {
      video: CAMERA_VIDEO,
      login: { user: 'admin', password: 'admin' },
    })
    await product.add(t, id, { inputs: [{ address: camera.url }] })
    const { degraded_reason } = await product.becomes(
      id,
      ({ state }) => state === 'failed',
      'a failed stream',
    )
    t.notMatch(
      degraded_reason,
      'no such stream',
      'the reason is not a missing stream',
    )
  })
})
