import type { FolderReader } from '@pemmican/safetensors';
import { openFolder } from '@pemmican/storage';
import type { RunContext } from './run-context.ts';

/** The checkpoint that the run goes on from; undefined where it starts from the beginning. */
export async function findCheckpoint({
  request,
  folder,
}: Pick<RunContext, 'request' | 'folder'>): Promise<FolderReader | undefined> {
  const { runName, restartCount, spec } = request;
  const wanted = spec.resumeFromCheckpoint;
  const latest = (await folder.list()).at(-1);
  // A process that ended before it came to this point leaves an older run's checkpoints, which are not this run's.
  const isOwn = restartCount > 0 && (await folder.isOwnedBy(runName));
  if (latest !== undefined && (isOwn || wanted === 'latest')) return folder.open(latest);
  return wanted === '' || wanted === 'latest' ? undefined : openFolder(wanted);
}

/** {@link findCheckpoint}, after which the folder's checkpoints are this run's and no others are there. */
export async function checkpointToResume(context: RunContext): Promise<FolderReader | undefined> {
  const { request, folder, sink } = context;
  const { runName, spec } = request;
  const found = await findCheckpoint(context);
  // A new run in an old folder: checkpoints of the old one must not be resumed by mistake.
  if (found === undefined && spec.resumeFromCheckpoint === '')
    for (const step of await folder.list()) await folder.remove(step);
  await folder.own(runName);
  if (found === undefined && spec.resumeFromCheckpoint === 'latest')
    await sink.log('info', `${folder.path} has no checkpoint yet; the run starts from the beginning`);
  return found;
}
