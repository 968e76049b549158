import { existsSync } from 'node:fs';
import { copyFile, readFile, rename } from 'node:fs/promises';
import path from 'node:path';

import type { SurgeryResult } from '@pemmican/contract/surgery';
import type { EstimateMemoryResponse, RunResult, RunSpec } from '@pemmican/contract/trainer';
import type { AnalysisResult } from '@pemmican/contract/vocabulary';

import { CliError, EXIT_CODE, usageError } from '../cli-error.ts';
import type { RunOptions } from '../commands/run.ts';
import { toServiceLocation } from '../options/location.ts';
import { longestTargetOf } from '../options/seq2seq-options.ts';
import { longestSequenceOf } from '../options/sequence-options.ts';
import { isLanguageModeling, replacementSeedOf } from '../options/training-options.ts';
import { buildReport } from '../report/build-report.ts';
import type { Report, VerificationReport } from '../report/report.ts';
import { writeReport } from '../report/write-report.ts';
import { callUnary } from '../services/call.ts';
import { formatCommand } from '../resume-command.ts';
import { analyzeStage, toAnalysisSpec } from '../stages/analyze-stage.ts';
import { estimateStage } from '../stages/estimate-stage.ts';
import { readKeptTokenIds } from '../stages/kept-token-ids.ts';
import type { StageContext } from '../stages/stage.ts';
import { reduceStage, restoreStage } from '../stages/surgery-stage.ts';
import { trainStage } from '../stages/train-stage.ts';
import type { TrainingLogData } from '../stages/training-log.ts';
import { TrainingLog } from '../stages/training-log.ts';
import { verifyStage } from '../stages/verify-stage.ts';
import { renderAnalysis } from '../views/analysis-view.ts';
import { renderEstimate } from '../views/estimate-view.ts';
import { METRICS_NAME, MetricsFile } from '../workspace/metrics-file.ts';
import { moveModel, removeWeights } from '../workspace/publish.ts';
import type { Workspace } from '../workspace/workspace.ts';
import { writeWholeFile } from '../workspace/write-file.ts';
import type { RunInputs } from './run-inputs.ts';
import { SHARED_PLACES, type RunPlaces } from './run-places.ts';
import type { StageOutcome } from './stage-runner.ts';
import { StageRunner } from './stage-runner.ts';

/** The model that becomes the output, and what is known of its restoration. */
interface FinishedModel {
  readonly folder: string;
  readonly digest: string;
  readonly verification: VerificationReport | null;
}

/** The stages of `pemmican run`: analyze, estimate, reduce, train, restore, verify, publish. */
export class RunPipeline {
  readonly #options: RunOptions;
  readonly #inputs: RunInputs;
  readonly #workspace: Workspace;
  readonly #context: StageContext;
  readonly #stages: StageRunner;
  readonly #places: RunPlaces;

  constructor(
    options: RunOptions,
    inputs: RunInputs,
    workspace: Workspace,
    context: StageContext,
    places: RunPlaces = SHARED_PLACES,
  ) {
    this.#options = options;
    this.#inputs = inputs;
    this.#workspace = workspace;
    this.#context = context;
    this.#places = places;
    this.#stages = new StageRunner(workspace.journal, context.output);
  }

  /** Runs what is not done yet; the output folder is whole when this returns. */
  async run(): Promise<Report> {
    const { output } = this.#context;
    if ((this.#inputs.training.numDevices ?? 1) > 1) await this.#checkDevices();
    const analysis = await this.#analyze();
    output.print(`\n${renderAnalysis(analysis.result, output.colors)}\n`);
    const estimate = await this.#estimate(analysis);
    output.print(`\n${renderEstimate(estimate.result, this.#options.memory ?? 0, output.colors, this.#options)}\n`);
    if (wouldChangeLoss(this.#options, estimate.result)) {
      // A run that is refused leaves nothing behind that it could go on with.
      await this.#workspace.remove();
      throw usageError(
        `--task ${this.#options.task} trains the softmax over the full vocabulary, which a reduced checkpoint does not have where the output matrix is the embedding matrix; add --no-reduce, or --restricted-softmax for another loss over the kept rows`,
      );
    }
    const reduction = this.#options.reduce ? await this.#reduce(analysis) : undefined;
    const log = await this.#openLog();
    const training = await this.#train(reduction?.digest ?? analysis.digest, log);
    const model = await this.#finish(training);
    const report = buildReport({
      command: formatCommand(this.#context.commandLine),
      mode: this.#options.reduce ? 'reduced' : 'full',
      model: this.#options.model,
      output: this.#workspace.outputName,
      inputsDigest: this.#inputs.digest,
      options: this.#inputs.options,
      analysis: analysis.result,
      kept: await readKeptTokenIds(this.#workspace.vocabularyFile),
      estimate: estimate.result,
      reduction: reduction?.result ?? null,
      training: training.result,
      log: log.toData(),
      verification: model.verification,
      timings: this.#stages.timings,
    });
    await this.#publish(model, report);
    return report;
  }

  async #analyze(): Promise<StageOutcome<AnalysisResult>> {
    const { vocabularyFile } = this.#workspace;
    const { model, dataset } = this.#inputs;
    const spec = {
      ...toAnalysisSpec({ ...this.#options, replacementSeed: replacementSeedOf(this.#options) }),
      modelUri: model,
      dataset,
      // The reduction reads it.
      profileUri: this.#places.isShared ? '' : this.#places.of(vocabularyFile),
    };
    return this.#stages.run({
      stage: 'analyze',
      inputs: { spec, files: this.#inputs.files },
      isWhole: () => existsSync(vocabularyFile),
      work: async () => analyzeStage(spec, vocabularyFile, this.#context),
    });
  }

  async #estimate(analysis: StageOutcome<AnalysisResult>): Promise<StageOutcome<EstimateMemoryResponse>> {
    const inputs = {
      model: this.#inputs.model,
      analysis: analysis.result,
      options: this.#inputs.training,
      maxSeqLength: longestSequenceOf(this.#options),
      maxTargetLength: longestTargetOf(this.#options),
      memoryLimitBytes: this.#options.memory ?? 0,
    };
    return this.#stages.run({
      stage: 'estimate',
      inputs: { ...inputs, analysis: analysis.digest },
      isWhole: () => true,
      work: async () => estimateStage(inputs, this.#context),
    });
  }

  async #reduce(analysis: StageOutcome<AnalysisResult>): Promise<StageOutcome<SurgeryResult>> {
    const { reducedFolder, vocabularyFile } = this.#workspace;
    const exportTokenizer = this.#options.exportTokenizer === true;
    const restrictOutput = this.#options.restrictedSoftmax === true;
    return this.#stages.run({
      stage: 'reduce',
      inputs: { analysis: analysis.digest, exportTokenizer, restrictOutput },
      isWhole: () =>
        this.#isPublishing() || !this.#places.isShared || existsSync(path.join(reducedFolder, 'config.json')),
      work: async () =>
        reduceStage(
          {
            modelUri: this.#inputs.model,
            vocabulary: { $case: 'profileUri', value: this.#places.of(vocabularyFile) },
            outputUri: this.#places.of(reducedFolder),
            padToMultipleOf: this.#options.padToMultipleOf,
            exportTokenizer,
            overwrite: true,
            restrictOutput,
          },
          this.#context,
        ),
    });
  }

  async #train(previousDigest: string, log: TrainingLog): Promise<StageOutcome<RunResult>> {
    const { trainingFolder, output } = this.#workspace;
    const { model, dataset, training } = this.#inputs;
    const metrics = new MetricsFile(output, trainingFolder);
    const saveLog = async (): Promise<void> =>
      writeWholeFile(this.#workspace.trainingLogFile, JSON.stringify(log.toData()));
    return this.#stages.run({
      stage: 'train',
      inputs: { previous: previousDigest, dataset, training },
      isWhole: () =>
        this.#isPublishing() ||
        !this.#places.isShared ||
        existsSync(path.join(trainingFolder, this.#isAdapter() ? 'adapter_model.safetensors' : 'model.safetensors')),
      work: async () => {
        metrics.begin();
        const spec = this.#runSpec(this.#options.reduce ? this.#places.of(this.#workspace.reducedFolder) : model);
        let saving = Promise.resolve();
        const result = await trainStage(
          spec,
          {
            log,
            onStep: (step) => {
              metrics.add(step);
            },
            onCheckpoint: () => {
              // Writes follow one another; one that fails only makes a continued run's plots poorer.
              saving = saving.then(saveLog).catch(() => undefined);
            },
          },
          this.#context,
        ).finally(async () => saving);
        await saveLog();
        await this.#places.fetch(path.join(trainingFolder, METRICS_NAME));
        metrics.finish();
        return result;
      },
    });
  }

  #runSpec(modelUri: string): RunSpec {
    const { dataset, training } = this.#inputs;
    return {
      modelUri,
      dataset,
      outputUri: this.#places.of(this.#workspace.trainingFolder),
      options: training,
      memoryBudgetBytes: this.#options.memoryBudget ?? 0,
      resumeFromCheckpoint: resumePoint(this.#options.resumeFromCheckpoint),
      memorySampleIntervalMs: 0,
    };
  }

  /** A trainer that has not so many devices says so before anything is counted and reduced for it. */
  async #checkDevices(): Promise<void> {
    const { trainer } = this.#context.pool;
    const request = { spec: this.#runSpec(this.#inputs.model), requestId: '', validateOnly: true };
    try {
      await callUnary('trainer', trainer.createRun.bind(trainer), request);
    } catch (error) {
      // A run that is refused leaves nothing behind that it could go on with.
      if (this.#options.resumeFromCheckpoint === undefined) await this.#workspace.remove();
      throw error;
    }
  }

  #isAdapter(): boolean {
    return this.#options.loraRank !== undefined;
  }

  /**
   * The model that becomes the output. An adapter that is not merged needs no restoration: it was trained beside the kept
   * rows and fits all of them, which is verified.
   */
  async #finish(training: StageOutcome<RunResult>): Promise<FinishedModel> {
    const { reduce, loraMerge } = this.#options;
    if (this.#isAdapter() ? loraMerge === true : reduce) return this.#restore(training);
    const { trainingFolder } = this.#workspace;
    if (!this.#isPublishing()) await this.#places.fetch(trainingFolder);
    return {
      folder: trainingFolder,
      digest: training.digest,
      verification:
        this.#isAdapter() && reduce && this.#canVerify()
          ? { subject: 'adapter', ...(await this.#verify(training.digest, trainingFolder)), unusedRowFactor: 1 }
          : null,
    };
  }

  async #restore(training: StageOutcome<RunResult>): Promise<FinishedModel> {
    const { restoredFolder, trainingFolder } = this.#workspace;
    const unusedRowDecay = this.#options.unusedRowDecay === true;
    const restored = await this.#stages.run({
      stage: 'restore',
      inputs: { training: training.digest, unusedRowDecay },
      isWhole: () => this.#isPublishing() || existsSync(path.join(restoredFolder, 'config.json')),
      work: async () => {
        const result = await restoreStage(
          {
            modelUri: this.#inputs.model,
            trainedUri: this.#places.of(trainingFolder),
            outputUri: this.#places.of(restoredFolder),
            unusedRowDecay,
            overwrite: true,
          },
          this.#context,
        );
        await this.#places.fetch(restoredFolder);
        return result;
      },
    });
    return {
      folder: restoredFolder,
      digest: restored.digest,
      verification: this.#canVerify()
        ? {
            subject: 'checkpoint',
            ...(await this.#verify(restored.digest, restoredFolder)),
            unusedRowFactor: restored.result.unusedRowFactor,
          }
        : null,
    };
  }

  /** A language model has no logits of a record that could be compared. */
  #canVerify(): boolean {
    return this.#options.verify && !isLanguageModeling(this.#options.task);
  }

  async #verify(
    digest: string,
    finishedFolder: string,
  ): Promise<Omit<VerificationReport, 'subject' | 'unusedRowFactor'>> {
    const { reducedFolder, trainingFolder } = this.#workspace;
    const trainedBaseUri = this.#options.reduce ? this.#places.of(reducedFolder) : this.#inputs.model;
    const { task } = this.#inputs.training;
    const verified = await this.#stages.run({
      stage: 'verify',
      inputs: { restored: digest },
      isWhole: () => true,
      work: async () =>
        verifyStage(
          {
            trainedUri: this.#places.of(trainingFolder),
            ...(this.#isAdapter() ? { trainedBaseUri } : {}),
            restoredUri: this.#places.of(finishedFolder),
            restoredFolder: finishedFolder,
            dataset: this.#inputs.dataset,
            task,
            batchSize: this.#options.perDeviceEvalBatchSize,
          },
          this.#context,
        ),
    });
    return verified.result;
  }

  /** Everything but the weights first, the weights last: a folder with weights is a whole one. */
  async #publish(model: FinishedModel, report: Report): Promise<void> {
    const { output, vocabularyFile, journal } = this.#workspace;
    if (!this.#isPublishing() && !existsSync(path.join(model.folder, 'config.json'))) {
      throw new CliError(EXIT_CODE.PRECONDITION, `${model.folder} is not visible here`, {
        hints: [
          'With --server, the output folder must be on storage that this machine and the services share; --upload needs none.',
        ],
      });
    }
    this.#context.interrupt.signal.throwIfAborted();
    await copyWhole(vocabularyFile, path.join(output, 'vocabulary.json'));
    await writeReport(report, output);
    if (!this.#isPublishing()) {
      await removeWeights(output);
      await journal.record('publish', { digest: this.#inputs.digest, result: null, elapsedMs: 0 });
    }
    await moveModel(model.folder, output);
    if (this.#options.keepIntermediate !== true) await this.#workspace.remove();
  }

  /** Whether an earlier command had begun to move the finished model's files. */
  #isPublishing(): boolean {
    return this.#workspace.journal.find('publish', this.#inputs.digest) !== undefined;
  }

  async #openLog(): Promise<TrainingLog> {
    try {
      return new TrainingLog(JSON.parse(await readFile(this.#workspace.trainingLogFile, 'utf8')) as TrainingLogData);
    } catch {
      return new TrainingLog();
    }
  }
}

/**
 * A language model's loss reads every row of the output matrix: where that is the embedding matrix, leaving rows out would
 * change it, which has to be asked for.
 */
function wouldChangeLoss({ task, reduce, restrictedSoftmax }: RunOptions, estimate: EstimateMemoryResponse): boolean {
  return reduce && restrictedSoftmax !== true && isLanguageModeling(task) && estimate.tiedEmbeddings;
}

/** What the trainer is told of `--resume-from-checkpoint`; nothing when it was not given. */
export function resumePoint(checkpoint: string | undefined): string {
  if (checkpoint === undefined || checkpoint === 'latest') return checkpoint ?? '';
  return toServiceLocation(checkpoint);
}

async function copyWhole(source: string, target: string): Promise<void> {
  const temporary = `${target}.partial`;
  await copyFile(source, temporary);
  await rename(temporary, target);
}
