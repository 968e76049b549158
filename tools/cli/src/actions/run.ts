import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { SERVICE, withArtifacts, type ArtifactContext } from '../artifacts/artifact-connection.ts';
import { usageError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { RunOptions } from '../commands/run.ts';
import type { ServiceName } from '../options/common-options.ts';
import type { Report } from '../report/report.ts';
import { RESTRICTED_SOFTMAX_WARNING, summaryLines } from '../report/summary.ts';
import { resumeCommand } from '../resume-command.ts';
import { withResumeHint } from '../resume-hint.ts';
import { isS3, fileIn } from '../options/location.ts';
import { gatherRunInputs, type RunInputs } from '../run/run-inputs.ts';
import { RunPipeline } from '../run/run-pipeline.ts';
import { UploadedPlaces } from '../run/run-places.ts';
import { checkUpload, uploadInputs } from '../run/upload-inputs.ts';
import { callUnary } from '../services/call.ts';
import { ServicePool } from '../services/service-pool.ts';
import type { StageContext } from '../stages/stage.ts';
import { BucketOutput } from '../workspace/bucket-output.ts';
import { WORKSPACE_NAME, Workspace } from '../workspace/workspace.ts';

// Well below any time that a server keeps an upload for.
const ASK_INTERVAL_MS = 600_000;
// A run's checkpoints are removed with it.
const REMOVAL_DEADLINE_MS = 120_000;

const SERVICES: readonly ServiceName[] = ['vocabulary-analysis', 'embedding-surgery', 'trainer'];

/** `pemmican run` */
export async function run(options: RunOptions, context: CommandContext): Promise<void> {
  checkRestriction(options);
  checkUpload(options);
  if (options.unusedRowDecay === true && options.loraTrainEmbeddings === true)
    throw usageError('--unused-row-decay changes rows that an adapter leaves as they are; take only one of it and --lora-train-embeddings'); // prettier-ignore
  if (options.loraMerge === true && options.loraRank === undefined)
    throw usageError('--lora-merge merges a trained adapter; add --lora-rank to train one');
  const inputs = await gatherRunInputs(options);
  tell(
    isS3(options.output)
      ? await runToBucket(options, inputs, context)
      : await runToFolder(options, inputs, options.output, context),
    context,
  );
}

/** @param output the folder, which may stand for what `options` call the output */
async function runToFolder(
  options: RunOptions,
  inputs: RunInputs,
  output: string,
  context: CommandContext,
): Promise<Report> {
  const isResuming = options.resumeFromCheckpoint !== undefined;
  return (
    (isResuming ? await findFinishedRun(output, inputs.digest) : undefined) ??
    (await withResumeHint(context, resumed(context), async () => {
      await using workspace = await Workspace.open({
        output,
        ...(output === options.output ? {} : { name: options.output }),
        isResuming,
        overwrite: options.overwrite === true,
      });
      await using pool = await ServicePool.open(SERVICES, options, context);
      const stages = { ...context, pool };
      if (options.upload === true) return await runUploaded(options, inputs, workspace, stages);
      return await new RunPipeline(options, inputs, workspace, stages).run();
    }))
  );
}

/** Runs at a server that gets model and data first; what it has got and made goes with the end of the run. */
async function runUploaded(
  options: RunOptions,
  inputs: RunInputs,
  workspace: Workspace,
  context: StageContext,
): Promise<Report> {
  return withArtifacts(options, context, async (artifacts) => {
    const { upload, inputs: uploaded } = await uploadInputs(inputs, await workspace.uploadKey(), artifacts);
    const places = new UploadedPlaces(workspace.folder, upload.artifactUri, artifacts);
    // The server removes what nobody asks for, and a run may take longer than that.
    const asking = setInterval(() => {
      artifacts.client.getUpload({ name: upload.name }, () => undefined);
    }, ASK_INTERVAL_MS);
    try {
      return await new RunPipeline(options, uploaded, workspace, context, places).run();
    } finally {
      clearInterval(asking);
      // It stays while there is a run to go on with.
      if (options.keepIntermediate !== true && !existsSync(workspace.folder))
        await removeUpload(upload.name, artifacts);
    }
  });
}

/** What the run came to does not hang on it: the server removes it by itself later. */
async function removeUpload(name: string, { client, output }: ArtifactContext): Promise<void> {
  try {
    await callUnary(SERVICE, client.deleteUpload.bind(client), { name }, { deadlineMs: REMOVAL_DEADLINE_MS });
  } catch (error) {
    output.warn(`what was uploaded is still on the server (${name}): ${(error as Error).message}`);
  }
}

/** Runs in a folder of this machine, whose files then become the objects of the output. */
async function runToBucket(options: RunOptions, inputs: RunInputs, context: CommandContext): Promise<Report> {
  const bucket = new BucketOutput(options.output, context.environment);
  const finished =
    options.resumeFromCheckpoint === undefined ? undefined : ((await bucket.readReport()) as Report | undefined);
  if (finished?.inputsDigest === inputs.digest) return finished;
  const overwrite = options.overwrite === true;
  await bucket.check(overwrite);
  const report = await runToFolder(options, inputs, bucket.folder, context);
  await withResumeHint(context, resumed(context), () => bucket.upload(overwrite, context.interrupt.signal));
  return report;
}

/** @throws CliError for a restricted softmax where nothing restricts it */
function checkRestriction({ reduce, restrictedSoftmax }: RunOptions): void {
  if (restrictedSoftmax === true && !reduce)
    throw usageError('--restricted-softmax is over the kept rows; --no-reduce keeps all of them');
}

/** A run that was finished before the command was told: a restarted job that finds its work done. */
async function findFinishedRun(output: string, inputsDigest: string): Promise<Report | undefined> {
  const folder = path.resolve(output);
  if (existsSync(path.join(folder, WORKSPACE_NAME))) return undefined;
  try {
    const report = JSON.parse(await readFile(path.join(folder, 'report.json'), 'utf8')) as Report;
    return report.inputsDigest === inputsDigest ? report : undefined;
  } catch {
    return undefined;
  }
}

/** How to go on when the run was interrupted. */
const resumed = (context: CommandContext): { message: string; hints: string[] } => ({
  message: 'What is done is kept; go on with:',
  hints: [`  ${resumeCommand(context.commandLine)}`],
});

/** What came out: a model, or an adapter and what it is used with. */
function describeModel({ output, options }: Report): string {
  if (options['loraRank'] === undefined || options['loraMerge'] === true) return `Model:  ${output}`;
  return `Adapter: ${output} (PEFT; for ${String(options['model'])}, into which \`pemmican restore\` merges it)`;
}

function tell(report: Report, context: CommandContext): void {
  const { output } = context;
  const [saved, score] = summaryLines(report);
  output.print(`\n${output.colors.bold(saved)}\n${output.colors.bold(score)}`);
  if (report.training.restrictedSoftmax) output.print(RESTRICTED_SOFTMAX_WARNING);
  output.print(`\n${describeModel(report)}\nReport: ${fileIn(report.output, 'report.html')}`);
  output.document({ summary: [saved, score], ...report });
}
