// What k6 runs: one method of a trainer, again and again, by each of its virtual users. Settings come by the environment:
// ADDRESS, PROTO (the folder of protos), METHOD, REQUEST (JSON), EVENTS (events that a stream has to have; none: a unary call).
import grpc from 'k6/net/grpc';
import { check } from 'k6';
import { Counter, Trend } from 'k6/metrics';

const { ADDRESS, PROTO, FILE, METHOD, REQUEST, EVENTS } = __ENV;
const isStream = EVENTS !== undefined;

const calls = new Counter('calls');
const events = new Counter('events');
const failures = new Counter('failures');
const callMs = new Trend('call_ms', true);

export const options = { summaryTrendStats: ['med', 'p(95)', 'p(99)', 'max'] };

const client = new grpc.Client();
client.load([PROTO], FILE);
let isConnected = false;

export default async function () {
  if (!isConnected) {
    client.connect(ADDRESS, { plaintext: true, maxReceiveSize: 64 * 1024 * 1024 });
    isConnected = true;
  }
  const startMs = Date.now();
  const isGood = isStream ? await watch() : invoke();
  callMs.add(Date.now() - startMs);
  calls.add(1);
  if (!isGood) failures.add(1);
}

function invoke() {
  const response = client.invoke(METHOD, JSON.parse(REQUEST));
  return check(response, { 'status is OK': ({ status }) => status === grpc.StatusOK });
}

function watch() {
  return new Promise((resolve) => {
    const stream = new grpc.Stream(client, METHOD);
    let count = 0;
    stream.on('data', () => {
      count++;
      events.add(1);
    });
    stream.on('error', () => resolve(false));
    stream.on('end', () => resolve(check(count, { 'every event came': (seen) => seen === Number(EVENTS) })));
    stream.write(JSON.parse(REQUEST));
    stream.end();
  });
}
