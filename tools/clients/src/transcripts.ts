/**
 * `node tools/clients/src/transcripts.ts [GRPCURL]`: writes docs/transcripts/ by calling a real trainer with `buf curl`, and with
 * grpcurl where the argument names that program.
 * @module
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { COMMAND_PATH, REPOSITORY_FOLDER } from './places.ts';
import { TrainerServer } from './trainer-server.ts';
import { ADDRESS, BUF_CURL, GRPCURL, type Tool, type TranscriptCall } from './transcript-calls.ts';

const FOLDER = path.join(REPOSITORY_FOLDER, 'docs', 'transcripts');
const READER_FOLDER = '/data';
const TIMEOUT_MS = 60_000;
// Of longer answers, the first and last lines are shown.
const MAX_LINES = 48;
const EDGE_LINES = 20;
// From the end: what comes after it fits a page.
const TOKEN_INDEX = -3;

/** What calls of a transcript know of those before them. */
interface Recording {
  readonly server: TrainerServer;
  readonly path: string;
  runName: string;
  token: string;
}

/** Calls the service as a reader would, and tells what was typed and what came. */
function record(call: TranscriptCall, recording: Recording): string {
  const { server } = recording;
  const typed = call.command
    .replaceAll('{folder}', READER_FOLDER)
    .replaceAll('{run}', recording.runName)
    .replaceAll('{token}', recording.token);
  const ours = typed.replaceAll(ADDRESS, `localhost:${server.port}`).replaceAll(READER_FOLDER, server.folder);
  const { status, stdout, stderr, error } = spawnSync('bash', ['-c', ours], {
    cwd: REPOSITORY_FOLDER,
    env: { ...process.env, PATH: recording.path },
    encoding: 'utf8',
    timeout: TIMEOUT_MS,
  });
  if (error !== undefined) throw error;
  if ((status === 0) === (call.isRefused ?? false))
    throw new Error(`${call.title}: ended with ${status}:\n${stdout}\n${stderr}`);
  recording.runName ||= /"name": "(runs\/[^"]+)"/.exec(stdout)?.[1] ?? '';
  recording.token ||= [...stdout.matchAll(/"resumeToken": "([^"]+)"/g)].at(TOKEN_INDEX)?.[1] ?? '';
  const lines = `${stdout}${stderr}`
    .trimEnd()
    .replaceAll(`localhost:${server.port}`, ADDRESS)
    .replaceAll(server.folder, READER_FOLDER)
    .split('\n');
  const shown =
    lines.length > MAX_LINES
      ? [...lines.slice(0, EDGE_LINES), `[${lines.length - 2 * EDGE_LINES} lines]`, ...lines.slice(-EDGE_LINES)]
      : lines;
  const code = status === 0 ? '' : `\n$ echo $?\n${status}`;
  return `## ${call.title}\n\n\`\`\`console\n$ ${typed}\n${shown.join('\n')}${code}\n\`\`\`\n`;
}

async function write(tool: Tool, programFolder?: string): Promise<void> {
  const server = await TrainerServer.start(false);
  const paths = [...(programFolder === undefined ? [] : [programFolder]), COMMAND_PATH];
  const recording = { server, path: paths.join(path.delimiter), runName: '', token: '' };
  try {
    const parts = tool.calls.map((call) => record(call, recording));
    mkdirSync(FOLDER, { recursive: true });
    const file = path.join(FOLDER, tool.file);
    writeFileSync(file, [`# ${tool.name}\n\n${tool.introduction}\n`, ...parts].join('\n'));
    console.log(path.relative(REPOSITORY_FOLDER, file));
  } finally {
    await server.stop();
  }
}

const [grpcurl] = process.argv.slice(2);
await write(BUF_CURL);
if (grpcurl !== undefined) await write(GRPCURL, path.dirname(path.resolve(grpcurl)));
