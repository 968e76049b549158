// Every line of docs/errors.md about this service, through its public interface.
import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after } from 'node:test';
import type { ServiceError } from '@grpc/grpc-js';
import { ArtifactServiceService as service, type CreateUploadRequest } from '@pemmican/contract/artifacts';
import type { Status } from '@pemmican/contract/google';
import { ArtifactRoots } from '@pemmican/storage';
import { callNamed, statusOfRefusal, testErrors } from '@pemmican/testkit';
import {
  announced,
  createUpload,
  dataMessage,
  finishUpload,
  getUpload,
  openWrite,
  removeFolders,
  startArtifacts,
  targetMessage,
  temporaryFolders,
  until,
  uploadAll,
  writeFile,
  type ArtifactServer,
} from './harness.ts';

const folders = temporaryFolders();
const { root, work } = folders;
const server = await startArtifacts(folders, {
  environment: { PEMMICAN_MAX_ARTIFACT_BYTES: '8000000000000000', PEMMICAN_MAX_OPEN_UPLOADS: '20' },
});
const closing: ArtifactServer[] = [server];
after(async () => {
  for (const each of closing) await each.close();
  removeFolders(folders);
});

const at = (...parts: string[]): string => path.join(root, ...parts);
const contents = { bytes: Buffer.from('0123456789') };
const files = announced(contents);
writeFileSync(at('file'), 'x');
execFileSync('mkfifo', [at('pipe')]);
mkdirSync(at('deep/a/b/c/d/e/f/g/h/i/j'), { recursive: true });
symlinkSync('/etc', at('way-out'));
const finished = await uploadAll(server, contents, { artifactUri: at('finished') });
let count = 0;
const place = (): string => at(`place-${count++}`);

/** What a call by the method's name is refused with. */
const refused = (name: string, ...requests: object[]): Promise<Status> =>
  statusOfRefusal(callNamed(server.client, service, name, ...requests));
/** Requests with a place, by method. */
const atPlace = (method: string, artifactUri: string): object =>
  ({
    CreateUpload: { artifactUri, files, overwrite: false, requestId: '' },
    GetArtifact: { artifactUri },
    ListArtifactFiles: { artifactUri, pageSize: 0, pageToken: '' },
    ReadArtifact: { artifactUri, fileName: '', offset: 0 },
  })[method] ?? {};
const create = (fields: Partial<CreateUploadRequest> = {}): ReturnType<typeof createUpload> =>
  createUpload(server, { artifactUri: place(), files, ...fields });
const refusedWrite = async (...requests: object[]): Promise<Status> => refused('WriteArtifact', ...requests);
const outcomeOf = async (outcome: Promise<ServiceError | undefined>): Promise<Status> => {
  const error = await outcome;
  return statusOfRefusal(error === undefined ? Promise.resolve() : Promise.reject(error));
};

/** A server beside the first one, with a state of its own. */
async function another(options: Parameters<typeof startArtifacts>[1]): Promise<ArtifactServer> {
  const own = path.join(work, `another-${count++}`);
  mkdirSync(own);
  const started = await startArtifacts({ work: own, root }, options);
  closing.push(started);
  return started;
}

const PLACES = ['CreateUpload', 'GetArtifact', 'ListArtifactFiles', 'ReadArtifact'];
const NAMED = ['GetUpload', 'WriteArtifact', 'FinishUpload', 'DeleteUpload'];
const INVALID = 'INVALID_ARGUMENT';

testErrors('pemmican.artifacts.v1.ArtifactService', [
  {
    where: [...PLACES, ...NAMED],
    code: 'FAILED_PRECONDITION',
    reason: 'ARTIFACT_ROOTS_MISSING',
    provoke: async (where) => {
      const open = await another({ roots: ArtifactRoots.everywhere });
      const request = where === 'WriteArtifact' ? targetMessage('uploads/none', 'bytes', 0) : { name: 'uploads/none' };
      return statusOfRefusal(callNamed(open.client, service, where, { ...request, ...atPlace(where, at('file')) }));
    },
  },
  {
    where: NAMED,
    code: 'NOT_FOUND',
    reason: 'RESOURCE_NOT_FOUND',
    provoke: (where) =>
      refused(where, where === 'WriteArtifact' ? targetMessage('uploads/none', 'bytes', 0) : { name: 'uploads/none' }),
  },
  {
    where: PLACES,
    code: INVALID,
    reason: 'INVALID_FIELD',
    way: 'a place that is no path',
    provoke: (where) => refused(where, atPlace(where, 'hf:owner/name')),
  },
  {
    where: ['CreateUpload'],
    code: INVALID,
    reason: 'INVALID_FIELD',
    way: 'no files',
    provoke: (where) => refused(where, { artifactUri: place(), files: [], overwrite: false, requestId: '' }),
  },
  {
    where: ['WriteArtifact'],
    code: INVALID,
    reason: 'INVALID_FIELD',
    provoke: () => refusedWrite(dataMessage(Buffer.from('x'))),
  },
  {
    where: ['WriteArtifact'],
    code: INVALID,
    reason: 'INVALID_FIELD',
    way: 'a file that was not announced',
    provoke: async () => refusedWrite(targetMessage((await create()).name, 'other', 0)),
  },
  {
    where: ['WriteArtifact'],
    code: INVALID,
    reason: 'INVALID_FIELD',
    way: 'a message of more than 4 MiB',
    provoke: async () => {
      const large = announced({ bytes: Buffer.alloc(5 * 1024 ** 2) });
      const { name } = await create({ files: large });
      return refusedWrite(targetMessage(name, 'bytes', 0), dataMessage(Buffer.alloc(4 * 1024 ** 2 + 1)));
    },
  },
  {
    where: ['CreateUpload'],
    code: 'ALREADY_EXISTS',
    reason: 'REQUEST_ID_REUSED',
    provoke: async () => {
      await create({ requestId: 'used' });
      return statusOfRefusal(create({ requestId: 'used' }));
    },
  },
  {
    where: ['CreateUpload'],
    code: 'RESOURCE_EXHAUSTED',
    reason: 'TOO_MANY_UPLOADS',
    provoke: async () => {
      const small = await another({ environment: { PEMMICAN_MAX_OPEN_UPLOADS: '1' } });
      await createUpload(small, { artifactUri: place(), files });
      return statusOfRefusal(createUpload(small, { artifactUri: place(), files }));
    },
  },
  {
    where: ['CreateUpload'],
    code: 'RESOURCE_EXHAUSTED',
    reason: 'UPLOAD_TOO_LARGE',
    provoke: async () => {
      const small = await another({ environment: { PEMMICAN_MAX_ARTIFACT_BYTES: '9' } });
      return statusOfRefusal(createUpload(small, { artifactUri: place(), files }));
    },
  },
  {
    where: ['CreateUpload'],
    code: 'RESOURCE_EXHAUSTED',
    reason: 'UPLOAD_TOO_LARGE',
    way: 'too many files',
    provoke: () => {
      const many = Array.from({ length: 10_001 }, (_, index) => ({ ...files[0]!, fileName: String(index) }));
      return statusOfRefusal(create({ files: many }));
    },
  },
  {
    where: ['CreateUpload'],
    code: 'RESOURCE_EXHAUSTED',
    reason: 'DISK_FULL',
    provoke: () => statusOfRefusal(create({ files: [{ ...files[0]!, sizeBytes: 7e15 }] })),
  },
  {
    where: PLACES,
    code: 'PERMISSION_DENIED',
    reason: 'OUTSIDE_ROOTS',
    provoke: (where) => refused(where, atPlace(where, at('way-out/passwd'))),
  },
  {
    where: ['CreateUpload'],
    code: 'PERMISSION_DENIED',
    reason: 'OUTSIDE_ROOTS',
    way: 'a root itself',
    provoke: (where) => refused(where, { ...atPlace(where, root), overwrite: true }),
  },
  {
    where: ['FinishUpload'],
    code: 'PERMISSION_DENIED',
    reason: 'OUTSIDE_ROOTS',
    provoke: async () => {
      const { name } = await create({ artifactUri: at('moved/model') });
      await writeFile(server, name, 'bytes', 0, contents.bytes);
      execFileSync('mv', [at('moved'), path.join(work, 'moved')]);
      symlinkSync(path.join(work, 'moved'), at('moved'));
      return statusOfRefusal(finishUpload(server, name));
    },
  },
  {
    where: ['CreateUpload'],
    code: 'FAILED_PRECONDITION',
    reason: 'DESTINATION_EXISTS',
    provoke: () => statusOfRefusal(create({ artifactUri: at('finished') })),
  },
  {
    where: ['FinishUpload'],
    code: 'FAILED_PRECONDITION',
    reason: 'DESTINATION_EXISTS',
    provoke: async () => {
      const artifactUri = place();
      const { name } = await create({ artifactUri });
      await writeFile(server, name, 'bytes', 0, contents.bytes);
      mkdirSync(artifactUri);
      writeFileSync(path.join(artifactUri, 'mine'), '');
      return statusOfRefusal(finishUpload(server, name));
    },
  },
  {
    where: PLACES,
    code: INVALID,
    reason: 'NOT_A_FOLDER',
    provoke: (where) => refused(where, atPlace(where, at('file/below'))),
  },
  {
    where: ['GetArtifact', 'ReadArtifact'],
    code: INVALID,
    reason: 'NOT_A_FILE',
    provoke: (where) => refused(where, atPlace(where, at('pipe'))),
  },
  {
    where: PLACES,
    code: INVALID,
    reason: 'INVALID_NAME',
    provoke: (where) => refused(where, atPlace(where, at('x'.repeat(300)))),
  },
  {
    where: ['WriteArtifact'],
    code: INVALID,
    reason: 'INVALID_NAME',
    provoke: async () => {
      const { name } = await create();
      const [, id = ''] = name.split('/');
      symlinkSync(at('file'), at(`.pemmican-upload-${id}`, 'partial/0'));
      // What is there has the size of what the link leads to.
      return refusedWrite(targetMessage(name, 'bytes', 1));
    },
  },
  {
    where: ['GetArtifact', 'ListArtifactFiles', 'ReadArtifact'],
    code: 'NOT_FOUND',
    reason: 'NOT_FOUND',
    provoke: (where) => refused(where, atPlace(where, at('none'))),
  },
  {
    where: ['GetArtifact', 'ListArtifactFiles'],
    code: INVALID,
    reason: 'TOO_MANY_FILES',
    provoke: (where) => refused(where, atPlace(where, at('deep'))),
  },
  {
    where: ['WriteArtifact'],
    code: 'ABORTED',
    reason: 'OFFSET_MISMATCH',
    provoke: async () => refusedWrite(targetMessage((await create()).name, 'bytes', 5)),
  },
  {
    where: ['WriteArtifact'],
    code: 'ABORTED',
    reason: 'WRITER_REPLACED',
    provoke: async () => {
      const { name } = await create();
      const { call, outcome } = openWrite(server);
      call.write(targetMessage(name, 'bytes', 0));
      call.write(dataMessage(contents.bytes.subarray(0, 3)));
      await until(async () => (await getUpload(server, name)).committedBytes === 3);
      await writeFile(server, name, 'bytes', 3, contents.bytes.subarray(3));
      return outcomeOf(outcome);
    },
  },
  {
    where: ['WriteArtifact'],
    code: 'OUT_OF_RANGE',
    reason: 'FILE_TOO_LONG',
    provoke: async () =>
      refusedWrite(targetMessage((await create()).name, 'bytes', 0), dataMessage(Buffer.from('0123456789-'))),
  },
  {
    where: ['WriteArtifact'],
    code: 'DATA_LOSS',
    reason: 'DIGEST_MISMATCH',
    provoke: async () =>
      refusedWrite(targetMessage((await create()).name, 'bytes', 0), dataMessage(Buffer.from('9876543210'))),
  },
  {
    where: ['WriteArtifact'],
    code: 'FAILED_PRECONDITION',
    reason: 'ALREADY_FINAL',
    provoke: () => refusedWrite(targetMessage(finished.name, 'bytes', 0)),
  },
  {
    where: ['FinishUpload'],
    code: 'FAILED_PRECONDITION',
    reason: 'UPLOAD_INCOMPLETE',
    provoke: async () => statusOfRefusal(finishUpload(server, (await create()).name)),
  },
  {
    where: ['ReadArtifact'],
    code: 'OUT_OF_RANGE',
    reason: 'OFFSET_OUT_OF_RANGE',
    provoke: (where) => refused(where, { artifactUri: at('file'), fileName: '', offset: 2 }),
  },
  {
    where: ['ReadArtifact'],
    code: 'FAILED_PRECONDITION',
    reason: 'CHANGED_WHILE_READ',
    provoke: async () => {
      writeFileSync(at('growing'), Buffer.alloc(20_000_000));
      const call = server.client.readArtifact({ artifactUri: at('growing'), fileName: '', offset: 0 });
      return statusOfRefusal(
        (async () => {
          for await (const { offset } of call as AsyncIterable<{ offset: number }>)
            if (offset === 262_144) writeFileSync(at('growing'), Buffer.alloc(20_000_001));
        })(),
      );
    },
  },
  {
    where: ['WriteArtifact', 'ReadArtifact'],
    code: 'UNAVAILABLE',
    reason: 'SERVICE_STOPPING',
    provoke: async (where) => {
      const stopped = await another({});
      if (where === 'WriteArtifact') {
        const { name } = await createUpload(stopped, { artifactUri: place(), files });
        const { call, outcome } = openWrite(stopped);
        call.write(targetMessage(name, 'bytes', 0));
        call.write(dataMessage(contents.bytes.subarray(0, 3)));
        await until(async () => (await getUpload(stopped, name)).committedBytes === 3);
        await stopped.closeService();
        return outcomeOf(outcome);
      }
      writeFileSync(at('long'), Buffer.alloc(20_000_000));
      const call = stopped.client.readArtifact({ artifactUri: at('long'), fileName: '', offset: 0 });
      return statusOfRefusal(
        (async () => {
          for await (const { offset } of call as AsyncIterable<{ offset: number }>)
            if (offset === 262_144) await stopped.closeService();
        })(),
      );
    },
  },
]);
