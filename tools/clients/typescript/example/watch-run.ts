/**
 * Creates a run, watches it over a lost connection, reads memory samples, cancels it, and decodes the details of two errors:
 * `node watch-run.ts --server localhost:50053 --model ./model --train-file train.jsonl --output ./output`. Runs under Node
 * (24, or 20 once compiled) and Deno alike.
 * @module
 */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { credentials, Metadata, status as grpcStatus, type ServiceError } from '@grpc/grpc-js';
import { BadRequest, ErrorInfo, ResourceInfo, Status } from '@pemmican/client/google';
import {
  CreateRunRequest,
  runStateToJSON,
  TrainerServiceClient,
  type Run,
  type RunState,
  type WatchDeviceMemoryResponse,
  type WatchRunResponse,
} from '@pemmican/client/trainer';
import { Split } from '@pemmican/client/vocabulary';

const MAX_FAILURES = 10;
const RETRY_DELAY_MS = 200;

const { values: options } = parseArgs({
  options: {
    server: { type: 'string', default: 'localhost:50053' },
    model: { type: 'string', default: 'model' },
    'train-file': { type: 'string', default: 'train.jsonl' },
    output: { type: 'string', default: 'output' },
    'tls-ca': { type: 'string' },
    'token-file': { type: 'string' },
  },
});

/** What every call carries: the token, where the server asks for one. */
const metadata = new Metadata();
if (options['token-file'] !== undefined)
  metadata.set('authorization', `Bearer ${readFileSync(options['token-file'], 'utf8').trim()}`);

function connect(): TrainerServiceClient {
  const authority = options['tls-ca'];
  const security =
    authority === undefined ? credentials.createInsecure() : credentials.createSsl(readFileSync(authority));
  return new TrainerServiceClient(options.server, security);
}

/** A request for a run that goes on until it is cancelled, or for a check of one. */
function request(learningRate: number, validateOnly = false): CreateRunRequest {
  return CreateRunRequest.fromPartial({
    requestId: randomUUID(),
    validateOnly,
    spec: {
      modelUri: path.resolve(options.model),
      outputUri: path.resolve(options.output),
      dataset: { files: [{ split: Split.TRAIN, uri: path.resolve(options['train-file']) }], maxSequenceLength: 128 },
      options: { maxSteps: 100_000, perDeviceTrainBatchSize: 16, learningRate },
      memorySampleIntervalMs: 200,
    },
  });
}

function createRun(client: TrainerServiceClient, message: CreateRunRequest): Promise<Run> {
  return new Promise((resolve, reject) => {
    client.createRun(message, metadata, (error, response) => {
      if (error !== null || response.run === undefined) reject(error ?? new Error('the response has no run'));
      else resolve(response.run);
    });
  });
}

function cancelRun(client: TrainerServiceClient, name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    client.cancelRun({ name }, metadata, (error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
}

/** Follows a run's events. What it has seen last outlives every connection. */
class Watcher {
  sequence = 0;
  #resumeToken = '';
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
  }

  /** Prints events until one is enough or the run has ended. A lost connection loses and repeats nothing. */
  async follow(client: TrainerServiceClient, isEnough: (event: WatchRunResponse) => boolean): Promise<void> {
    for (let failures = 0; ;) {
      const call = client.watchRun({ name: this.#name, resumeToken: this.#resumeToken }, metadata);
      try {
        for await (const event of call as AsyncIterable<WatchRunResponse>) {
          if (event.sequence !== this.sequence + 1)
            throw new Error(`event ${event.sequence} came after event ${this.sequence}`);
          this.sequence = event.sequence;
          this.#resumeToken = event.resumeToken;
          failures = 0;
          console.log(`event ${event.sequence} ${describeEvent(event)}`);
          if (isEnough(event)) return;
        }
        return;
      } catch (error) {
        if ((error as ServiceError).code !== grpcStatus.UNAVAILABLE || ++failures > MAX_FAILURES) throw error;
        if (failures === 1) console.log(`connection lost after event ${this.sequence}, attaching again`);
        await delay(RETRY_DELAY_MS * failures);
      } finally {
        call.cancel();
      }
    }
  }
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
const stateName = (state: RunState): string => runStateToJSON(state).replace('RUN_STATE_', '');

function describeEvent({ event }: WatchRunResponse): string {
  switch (event?.$case) {
    case 'stateChange':
      return `state ${stateName(event.value.state)}`;
    case 'phase':
      return `phase ${event.value.phase}`;
    case 'step':
      return `step ${event.value.step} loss ${event.value.loss.toFixed(4)}`;
    case 'deviceMemory':
      return `memory ${megabytes(event.value.processBytes)}`;
    case 'evaluation':
      return `evaluation at step ${event.value.step} loss ${event.value.loss.toFixed(4)}`;
    case 'checkpoint':
      return `checkpoint at step ${event.value.step}`;
    case 'log':
      return `log ${event.value.severity} ${event.value.message}`;
    case undefined:
      return 'of a kind that this client does not know';
  }
}

/** Prints so many samples of the device's memory and the run's, then ends the stream, which would never end by itself. */
async function printMemory(client: TrainerServiceClient, runName: string, count: number): Promise<void> {
  const call = client.watchDeviceMemory({ intervalMs: 100, runName }, metadata);
  let number = 0;
  for await (const { samples } of call as AsyncIterable<WatchDeviceMemoryResponse>) {
    number++;
    for (const { deviceName, usedBytes, totalBytes, processBytes } of samples)
      console.log(
        `memory sample ${number}: ${deviceName} ${megabytes(usedBytes)} of ${megabytes(totalBytes)}, run ${megabytes(processBytes)}`,
      );
    if (number === count) break;
  }
  call.cancel();
}

/** The status that a service sends beside the code, and each of its details by its type. */
function printError(error: ServiceError): void {
  console.log(`error ${grpcStatus[error.code]}: ${error.details}`);
  const [bytes] = error.metadata.get('grpc-status-details-bin');
  if (!(bytes instanceof Uint8Array)) return;
  for (const { typeUrl, value } of Status.decode(bytes).details) {
    if (typeUrl.endsWith('/google.rpc.ErrorInfo')) {
      const { reason, domain } = ErrorInfo.decode(value);
      console.log(`  reason ${reason} of ${domain}`);
    } else if (typeUrl.endsWith('/google.rpc.ResourceInfo')) {
      const { resourceType, resourceName } = ResourceInfo.decode(value);
      console.log(`  resource ${resourceName} of ${resourceType}`);
    } else if (typeUrl.endsWith('/google.rpc.BadRequest')) {
      for (const { field, description } of BadRequest.decode(value).fieldViolations)
        console.log(`  field ${field} ${description}`);
    }
  }
}

async function printFailure(call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    printError(error as ServiceError);
    return;
  }
  throw new Error('the call was to be refused');
}

const isStep =
  (step: number) =>
  ({ event }: WatchRunResponse): boolean =>
    event?.$case === 'step' && event.value.step >= step;

const first = connect();
const asked = request(1e-3);
const { name } = await createRun(first, asked);
console.log(`created ${name}`);
// An answer may get lost. Asking again with the same request id gives the run that there is.
const again = await createRun(first, asked);
console.log(`created again with the same request id: ${again.name}`);

const watcher = new Watcher(name);
await watcher.follow(first, isStep(3));
first.close();
console.log(`disconnected after event ${watcher.sequence}`);

const client = connect();
await watcher.follow(client, isStep(6));
await printMemory(client, name, 3);
await cancelRun(client, name);
console.log(`cancelled ${name}`);
await watcher.follow(client, () => false);
console.log(`saw ${watcher.sequence} events, none lost, none repeated`);

await printFailure(cancelRun(client, name));
await printFailure(createRun(client, request(-1, true)));
client.close();
