import { TRANSFER_HINT, withArtifacts } from '../artifacts/artifact-connection.ts';
import { downloadArtifact } from '../artifacts/download-artifact.ts';
import type { CommandContext } from '../command-context.ts';
import type { DownloadOptions } from '../commands/download.ts';
import { withResumeHint } from '../resume-hint.ts';

/** `pemmican download` */
export async function download(options: DownloadOptions, context: CommandContext): Promise<void> {
  const destination = { output: options.output, overwrite: options.overwrite === true };
  const outcome = await withResumeHint(context, TRANSFER_HINT, () =>
    withArtifacts(options, context, (connected) => downloadArtifact(options.source, destination, connected)),
  );
  const { artifact, files, output, resumedBytes } = outcome;
  context.output.print(`Downloaded: ${output}`);
  context.output.document({
    output,
    artifactUri: artifact.artifactUri,
    files,
    totalSizeBytes: artifact.totalSizeBytes,
    resumedBytes,
  });
}
