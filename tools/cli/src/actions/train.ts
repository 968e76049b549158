import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';

import type { CommandContext } from '../command-context.ts';
import type { TrainOptions } from '../commands/train.ts';
import { checkMemoryOption } from '../options/batch-size-options.ts';
import { toDatasetSpec } from '../options/dataset-spec.ts';
import { isUri, toServiceLocation } from '../options/location.ts';
import { toTrainingOptions } from '../options/training-spec.ts';
import { buildReport } from '../report/build-report.ts';
import type { Report } from '../report/report.ts';
import { RESTRICTED_SOFTMAX_WARNING, summaryLines } from '../report/summary.ts';
import { writeReport } from '../report/write-report.ts';
import { formatCommand, resumeCommand } from '../resume-command.ts';
import { withResumeHint } from '../resume-hint.ts';
import { decidingOptions } from '../run/run-inputs.ts';
import { resumePoint } from '../run/run-pipeline.ts';
import { ServicePool } from '../services/service-pool.ts';
import type { KeptTokenIds } from '../stages/kept-token-ids.ts';
import { readKeptTokenIds } from '../stages/kept-token-ids.ts';
import { trainStage } from '../stages/train-stage.ts';
import { TrainingLog } from '../stages/training-log.ts';
import { digestOf } from '../workspace/fingerprint.ts';
import { checkOutput } from '../workspace/workspace.ts';

/** Name of the manifest in a reduced folder (libs/vocabulary). */
const TOKEN_ID_MAP_FILE_NAME = 'pemmican-token-id-map.json';

/** `pemmican train` */
export async function train(options: TrainOptions, context: CommandContext): Promise<void> {
  checkMemoryOption(options);
  const output = checkOutput({
    output: options.output,
    isResuming: options.resumeFromCheckpoint !== undefined,
    overwrite: options.overwrite === true,
  });
  const hint = {
    message: 'The last checkpoint is kept; go on with:',
    hints: [`  ${resumeCommand(context.commandLine)}`],
  };
  const report = await withResumeHint(context, hint, async () => trainToReport(options, output, context));
  await mkdir(output, { recursive: true });
  await writeReport(report, output);
  const [, score] = summaryLines(report);
  context.output.print(`\n${context.output.colors.bold(score)}`);
  if (report.training.restrictedSoftmax) context.output.print(RESTRICTED_SOFTMAX_WARNING);
  const kind =
    options.loraRank === undefined
      ? 'Trained model: '
      : `PEFT adapter for ${options.model} (merge it with \`pemmican restore\`): `;
  context.output.print(`\n${kind}${output}\nReport:        ${path.join(output, 'report.html')}`);
  context.output.document({ summary: [score], ...report });
}

async function trainToReport(options: TrainOptions, output: string, context: CommandContext): Promise<Report> {
  await using pool = await ServicePool.open(['trainer'], options, context);
  const log = new TrainingLog();
  const start = performance.now();
  const training = await trainStage(
    {
      modelUri: toServiceLocation(options.model),
      dataset: toDatasetSpec(options),
      outputUri: output,
      options: toTrainingOptions(options),
      memoryBudgetBytes: options.memoryBudget ?? 0,
      resumeFromCheckpoint: resumePoint(options.resumeFromCheckpoint),
      memorySampleIntervalMs: 0,
    },
    { log },
    { ...context, pool },
  );
  const kept = await keptTokenIdsOf(options.model);
  return buildReport({
    command: formatCommand(context.commandLine),
    mode: kept === null ? 'full' : 'reduced',
    model: options.model,
    output,
    inputsDigest: digestOf(decidingOptions(options)),
    options: decidingOptions(options),
    analysis: null,
    kept,
    estimate: null,
    reduction: null,
    training,
    log: log.toData(),
    verification: null,
    timings: [{ stage: 'train', elapsedMs: performance.now() - start, isReused: false }],
  });
}

/** The kept ids of a reduced model on this machine; null for a full one. */
async function keptTokenIdsOf(model: string): Promise<KeptTokenIds | null> {
  const file = path.join(toServiceLocation(model), TOKEN_ID_MAP_FILE_NAME);
  return isUri(model) || !existsSync(file) ? null : readKeptTokenIds(file);
}
