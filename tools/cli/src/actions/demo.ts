import { existsSync } from 'node:fs';
import path from 'node:path';

import { SetupError, ensureAsset, ensureTensorflow, environmentBuild } from '@pemmican/setup';

import { CliError, EXIT_CODE } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { DemoOptions } from '../commands/demo.ts';
import type { RunOptions } from '../commands/run.ts';
import { WORKSPACE_NAME } from '../workspace/workspace.ts';
import { run } from './run.ts';

/** `pemmican demo`: the main job on real sentences. */
export async function demo(options: DemoOptions, context: CommandContext): Promise<void> {
  const { model, data } = await prepare(options, context);
  const output = path.resolve(options.output ?? path.join('pemmican-demo', options.model));
  // A demo that was interrupted goes on; one that was finished starts over.
  const isInterrupted = existsSync(path.join(output, WORKSPACE_NAME));
  const runOptions: RunOptions = {
    ...options,
    ...HYPER_PARAMETERS,
    model,
    output,
    trainFile: path.join(data, 'amazon.json'),
    validationFile: path.join(data, 'imdb.json'),
    ...(isInterrupted ? { resumeFromCheckpoint: 'latest' } : { overwrite: true }),
  };
  context.output.note(
    `${options.model} learns from 1,000 product reviews and is evaluated on 1,000 film reviews${isInterrupted ? '; going on where the last demo stopped' : ''}.\n`,
  );
  await run(runOptions, { ...context, commandLine: equivalentCommand(runOptions) });
}

/** Chosen so that the accuracy clearly rises within a few minutes on two cores. */
const HYPER_PARAMETERS = {
  textColumn: 'text',
  labelColumn: 'class',
  maxSeqLength: 128,
  dataFormat: 'auto',
  skipInvalid: true,
  padToMultipleOf: 8,
  minCount: 1,
  maxRows: 0,
  task: 'sequence-classification',
  numTrainEpochs: 3,
  perDeviceTrainBatchSize: 16,
  perDeviceEvalBatchSize: 16,
  gradientAccumulationSteps: 1,
  numDevices: 1,
  learningRate: 5e-5,
  weightDecay: 0,
  adamBeta1: 0.9,
  adamBeta2: 0.999,
  adamEpsilon: 1e-8,
  maxGradNorm: 1,
  lrSchedulerType: 'linear',
  warmupRatio: 0.1,
  warmupSteps: 0,
  seed: 42,
  shuffle: true,
  dropout: 'auto',
  mlmProbability: 0.15,
  evalSteps: 0,
  saveSteps: 0,
  saveTotalLimit: 2,
  loadBestModelAtEnd: true,
  reduce: true,
  verify: true,
} as const satisfies Partial<RunOptions>;

async function prepare(
  options: DemoOptions,
  context: CommandContext,
): Promise<{ readonly model: string; readonly data: string }> {
  const setupOptions = {
    onProgress: (line: string) => {
      context.output.note(line);
    },
  };
  try {
    if (options.server === undefined && options.trainerServer === undefined)
      await ensureTensorflow(environmentBuild(), setupOptions);
    return {
      model: await ensureAsset(options.model, setupOptions),
      data: await ensureAsset('sentiment', setupOptions),
    };
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    throw new CliError(EXIT_CODE.FAILURE, error.message, { reason: error.code, cause: error });
  }
}

/** The words of `pemmican run` that do the same: what the report shows, and what goes on after an interruption. */
function equivalentCommand(options: RunOptions): string[] {
  return [
    'run',
    ...['--model', options.model],
    ...['--train-file', options.trainFile],
    ...(options.validationFile === undefined ? [] : ['--validation-file', options.validationFile]),
    ...['--label-column', HYPER_PARAMETERS.labelColumn],
    '--skip-invalid',
    ...['--warmup-ratio', String(options.warmupRatio)],
    '--load-best-model-at-end',
    ...['--output', options.output],
  ];
}
