import { TRANSFER_HINT, withArtifacts } from '../artifacts/artifact-connection.ts';
import { uploadArtifact } from '../artifacts/upload-artifact.ts';
import type { CommandContext } from '../command-context.ts';
import type { UploadOptions } from '../commands/upload.ts';
import { withResumeHint } from '../resume-hint.ts';

/** `pemmican upload` */
export async function upload(options: UploadOptions, context: CommandContext): Promise<void> {
  const destination = { artifactUri: options.output ?? '', overwrite: options.overwrite === true };
  const outcome = await withResumeHint(context, TRANSFER_HINT, () =>
    withArtifacts(options, context, (connected) =>
      uploadArtifact([{ path: options.source, prefix: '' }], destination, connected),
    ),
  );
  const { artifactUri, files, totalSizeBytes, name } = outcome.upload;
  context.output.print(`Artifact: ${artifactUri}`);
  context.output.document({
    artifactUri,
    upload: name,
    files: files.map(({ file }) => file),
    totalSizeBytes,
    resumedBytes: outcome.resumedBytes,
  });
}
