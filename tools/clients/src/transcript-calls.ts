/** One command of a transcript. `{folder}`, `{run}` and `{token}` stand for the data, the run that was created and a resume token. */
export interface TranscriptCall {
  readonly title: string;
  /** What a reader types, for a shell. */
  readonly command: string;
  /** Whether it is to end with an error. */
  readonly isRefused?: boolean;
}

/** A command-line client and what is shown of it. */
export interface Tool {
  readonly name: string;
  /** Below docs/transcripts. */
  readonly file: string;
  readonly introduction: string;
  readonly calls: readonly TranscriptCall[];
}

/** Where a reader's server listens; the transcripts' own listens elsewhere. */
export const ADDRESS = 'localhost:50053';

const TRAINER = 'pemmican.trainer.v1.TrainerService';
const HEALTH = 'grpc.health.v1.Health';
const RECORDED =
  'Recorded against a trainer with a tiny model. No file of the contract is needed: the services answer server reflection.';

const spec = (options: Readonly<Record<string, number>>): unknown => ({
  model_uri: '{folder}/model',
  output_uri: '{folder}/output',
  dataset: { files: [{ split: 'SPLIT_TRAIN', uri: '{folder}/train.jsonl' }] },
  options,
});
const CREATE = JSON.stringify({ request_id: 'first-run', spec: spec({ max_steps: 3 }) });
const WRONG = JSON.stringify({ validate_only: true, spec: spec({ learning_rate: -1 }) });

const buf = (method: string, message: string): string =>
  `buf curl --protocol grpc --http2-prior-knowledge -d '${message}' http://${ADDRESS}/${method}`;

/** `buf curl`, which npm installs with the repository's tools. */
export const BUF_CURL: Tool = {
  name: 'buf curl',
  file: 'buf-curl.md',
  introduction: `${RECORDED} \`buf\` is in \`node_modules/.bin\` after \`npm run setup\`. Made by \`node tools/clients/src/transcripts.ts\`.`,
  calls: [
    {
      title: 'Services, by reflection',
      command: `buf curl --protocol grpc --http2-prior-knowledge --list-services http://${ADDRESS}`,
    },
    { title: 'Health', command: buf(`${HEALTH}/Check`, `{"service": "${TRAINER}"}`) },
    { title: 'Create a run', command: buf(`${TRAINER}/CreateRun`, CREATE) },
    { title: 'Watch it to its end', command: buf(`${TRAINER}/WatchRun`, '{"name": "{run}"}') },
    {
      title: 'Go on after an event, with its resume token',
      command: buf(`${TRAINER}/WatchRun`, '{"name": "{run}", "resume_token": "{token}"}'),
    },
    {
      title: 'Cancel a run that has ended',
      command: buf(`${TRAINER}/CancelRun`, '{"name": "{run}"}'),
      isRefused: true,
    },
    { title: 'An error', command: buf(`${TRAINER}/CreateRun`, WRONG), isRefused: true },
    {
      title: 'Its second detail, decoded',
      command: `${buf(`${TRAINER}/CreateRun`, WRONG)} 2>&1 |
  node -e 'process.stdin.on("data", (text) => process.stdout.write(Buffer.from(JSON.parse(text).details[1].value, "base64")))' |
  buf convert proto --type google.rpc.BadRequest --from -#format=binpb`,
    },
  ],
};

const grpcurl = (method: string, message: string, options = ''): string =>
  `grpcurl -plaintext ${options}-d '${message}' ${ADDRESS} ${method}`;

/** grpcurl. */
export const GRPCURL: Tool = {
  name: 'grpcurl',
  file: 'grpcurl.md',
  introduction: `${RECORDED} Made by \`node tools/clients/src/transcripts.ts "$(which grpcurl)"\` with grpcurl 1.9.4.`,
  calls: [
    { title: 'Services, by reflection', command: `grpcurl -plaintext ${ADDRESS} list` },
    { title: 'Methods of a service', command: `grpcurl -plaintext ${ADDRESS} list ${TRAINER}` },
    { title: 'What a method says of itself', command: `grpcurl -plaintext ${ADDRESS} describe ${TRAINER}.WatchRun` },
    { title: 'A message', command: `grpcurl -plaintext ${ADDRESS} describe pemmican.trainer.v1.WatchRunRequest` },
    { title: 'Health', command: grpcurl(`${HEALTH}/Check`, `{"service": "${TRAINER}"}`) },
    { title: 'Create a run', command: grpcurl(`${TRAINER}/CreateRun`, CREATE) },
    { title: 'Watch it to its end', command: grpcurl(`${TRAINER}/WatchRun`, '{"name": "{run}"}') },
    {
      title: 'Go on after an event, with its resume token',
      command: grpcurl(`${TRAINER}/WatchRun`, '{"name": "{run}", "resume_token": "{token}"}'),
    },
    {
      title: 'Memory samples, for a second',
      command: grpcurl(`${TRAINER}/WatchDeviceMemory`, '{"interval_ms": 400}', '-max-time 1 '),
      isRefused: true,
    },
    {
      title: 'Cancel a run that has ended',
      command: grpcurl(`${TRAINER}/CancelRun`, '{"name": "{run}"}'),
      isRefused: true,
    },
    { title: 'An error, with its details', command: grpcurl(`${TRAINER}/CreateRun`, WRONG), isRefused: true },
  ],
};
