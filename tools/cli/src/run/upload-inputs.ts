import { existsSync, statSync } from 'node:fs';
import path from 'node:path';

import type { Upload } from '@pemmican/contract/artifacts';

import type { ArtifactContext } from '../artifacts/artifact-connection.ts';
import { uploadArtifact } from '../artifacts/upload-artifact.ts';
import { usageError } from '../cli-error.ts';
import type { RunOptions } from '../commands/run.ts';
import type { RunInputs } from './run-inputs.ts';

/** The inputs as the server has them, and the upload that they are in. */
export interface UploadedInputs {
  readonly inputs: RunInputs;
  readonly upload: Upload;
}

/** @throws CliError for options that need storage which the server shares */
export function checkUpload(options: RunOptions): void {
  if (options.upload !== true) return;
  if (options.server === undefined) throw usageError('--upload sends files to a server; add --server');
  if (options.loraRank !== undefined && options.loraMerge !== true)
    throw usageError('--upload brings whole models back, and an adapter names its base by a path; add --lora-merge');
  const checkpoint = options.resumeFromCheckpoint;
  if (checkpoint !== undefined && checkpoint !== 'latest')
    throw usageError('--upload leaves checkpoints on the server; --resume-from-checkpoint latest goes on with them');
}

/**
 * Sends what of a run's model and data lies on this machine to a place that the server chooses.
 * @param key of the run: what it makes lies there too, so that no other run may have that place
 */
export async function uploadInputs(inputs: RunInputs, key: string, context: ArtifactContext): Promise<UploadedInputs> {
  const { model, dataset } = inputs;
  const sources = [
    ...(isFolderHere(model) ? [{ path: model, prefix: 'model/' }] : []),
    ...dataset.files.flatMap(({ uri }, index) => (existsSync(uri) ? [{ path: uri, prefix: `data-${index}/` }] : [])),
  ];
  if (sources.length === 0)
    throw usageError('--upload: neither the model nor the data is on this machine; leave it out');
  const { upload } = await uploadArtifact(sources, { artifactUri: '', overwrite: false, key }, context);
  const at = (...parts: string[]): string => path.posix.join(upload.artifactUri, ...parts);
  const files = dataset.files.map((file, index) =>
    existsSync(file.uri) ? { ...file, uri: at(`data-${index}`, path.basename(file.uri)) } : file,
  );
  const served = isFolderHere(model) ? at('model') : model;
  const { lora } = inputs.training;
  const training =
    lora === undefined ? inputs.training : { ...inputs.training, lora: { ...lora, baseModelUri: served } };
  return { upload, inputs: { ...inputs, model: served, dataset: { ...dataset, files }, training } };
}

function isFolderHere(location: string): boolean {
  return existsSync(location) && statSync(location).isDirectory();
}
