import t from 'tap'
import { readAnswer } from '../../probe/answer.ts'

const VIDEO = `m=video 7 UDP/TLS/RTP/SAVPF 108 109
a=rtpmap:109 rtx/90000
a=rtpmap:108 H264/90000
a=sendonly
`
const AUDIO = `m=audio 7 UDP/TLS/RTP/SAVPF 111
a=rtpmap:111 opus/48000/2
a=sendonly
`
const video = { kind: 'video', payloadType: 108, codec: 'h264' }
const audio = { kind: 'audio', payloadType: 111, codec: 'opus' }

/** Reads the sections as an answer with the line ends of SDP. */
function read(...sections: readonly string[]) {
  const sdp = `v=0\ns=-\n${sections.join('')}`
  return readAnswer(sdp.replaceAll('\n', '\r\n'))
}

t.test('readAnswer() returns the accepted media', t => {
  t.same(read(VIDEO, AUDIO), [video, audio])
  t.same(read(VIDEO.replace('video 7', 'video 0'), AUDIO), [audio])
  t.same(read(VIDEO, AUDIO.replace('sendonly', 'inactive')), [video])
  t.same(read(AUDIO.replace('audio', 'application')), [])
  t.same(read(), [])
  t.same(readAnswer('<html>'), [])
  t.end()
})
