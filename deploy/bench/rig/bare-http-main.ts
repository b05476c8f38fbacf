/**
 * The bare HTTP server that POSTs are compared with: Node's own, which reads
 * the offer and sends back an answer of fixed text. It prints its port as JSON.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'

/** About as long as the answer to an offer of video and audio. */
const ANSWER = 'a=line-of-an-answer\r\n'.repeat(100)

const server = createServer((request, response) => {
  request.resume()
  request.once('end', () => {
    if (request.method === 'POST') {
      response.writeHead(201, {
        'content-type': 'application/sdp',
        location: '/session',
      })
      response.end(ANSWER)
    } else response.end()
  })
})
server.listen(0, '127.0.0.1')
await once(server, 'listening')
process.stdout.write(`${JSON.stringify(server.address())}\n`)
