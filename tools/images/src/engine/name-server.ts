/**
 * `node name-server.ts ADDRESS`: a DNS server that knows no name. The private engine has no way out of the machine; without an
 * answer, each unknown name in a container (also that of a stopped container) takes 10 seconds and more to fail.
 * @module
 */
import { createSocket } from 'node:dgram';

const DNS_PORT = 53;
const HEADER_BYTES = 12;
// Flags of RFC 1035, 4.1.1: response, authoritative; the request's RD bit is kept.
const RESPONSE = 0x84;
const RECURSION_DESIRED = 0x01;
const NAME_ERROR = 0x83; // recursion available, RCODE 3

/** The answer NXDOMAIN to a query; undefined where it is none. */
export function answerUnknown(query: Uint8Array): Buffer | undefined {
  let offset = HEADER_BYTES;
  for (;;) {
    const length = query[offset];
    if (length === undefined) return undefined;
    offset += 1 + length;
    if (length === 0) break;
  }
  const end = offset + 4; // type and class of the question
  if (query.length < end) return undefined;
  const answer = Buffer.from(query.subarray(0, end));
  answer[2] = RESPONSE | ((answer[2] ?? 0) & RECURSION_DESIRED);
  answer[3] = NAME_ERROR;
  answer.writeUInt16BE(1, 4);
  answer.fill(0, 6, HEADER_BYTES);
  return answer;
}

if (import.meta.main) {
  const [address = ''] = process.argv.slice(2);
  const socket = createSocket('udp4');
  socket.on('message', (query, peer) => {
    const answer = answerUnknown(query);
    if (answer !== undefined) socket.send(answer, peer.port, peer.address);
  });
  socket.on('error', (error) => {
    console.error(error.message);
    process.exitCode = 1;
    socket.close();
  });
  socket.bind(DNS_PORT, address, () => {
    console.log(`listens on ${address}`);
  });
}
