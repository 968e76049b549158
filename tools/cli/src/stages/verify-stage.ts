import { Split } from '@pemmican/contract/vocabulary';
import type { DatasetSpec } from '@pemmican/contract/vocabulary';
import type { Task } from '@pemmican/contract/trainer';

import { CliError, EXIT_CODE } from '../cli-error.ts';
import { formatCount } from '../output/units.ts';
import { startProgress } from '../progress/progress.ts';
import { Output } from '../output/output.ts';
import { predictStage } from './predict-stage.ts';
import type { StageContext } from './stage.ts';
import { verificationLimit } from './verification-limit.ts';

/** Records that are compared: enough to meet every tensor, few enough to take seconds. */
const RECORD_COUNT = 64;

/** What {@link verifyStage} compares. */
export interface VerifyInputs {
  readonly trainedUri: string;
  /** Where the trained one is an adapter: the model that it was trained beside. */
  readonly trainedBaseUri?: string;
  readonly restoredUri: string;
  /** The same on this machine. */
  readonly restoredFolder: string;
  readonly dataset: DatasetSpec;
  readonly task: Task;
  readonly batchSize: number;
}

/**
 * Checks that the restored checkpoint predicts what the trained one does.
 * @throws CliError when it does not
 */
export async function verifyStage(
  inputs: VerifyInputs,
  context: StageContext,
): Promise<{ readonly recordCount: number; readonly maxAbsoluteDifference: number }> {
  const progress = startProgress('Verify', context.output);
  // The two predictions show no progress of their own.
  const quiet: StageContext = { ...context, output: silent(context) };
  try {
    const trained = await predictSome(inputs, inputs.trainedUri, quiet, inputs.trainedBaseUri);
    progress.update(0.5, 'restored checkpoint');
    const restored = await predictSome(inputs, inputs.restoredUri, quiet);
    const maxAbsoluteDifference = largestDifference(trained, restored);
    const { dtype, maxDifference } = await verificationLimit(inputs.restoredFolder);
    if (!(maxAbsoluteDifference <= maxDifference)) {
      throw new CliError(
        EXIT_CODE.FAILURE,
        `The restored checkpoint does not predict what the trained one does: logits differ by up to ${maxAbsoluteDifference}, ` +
          `with weights in ${dtype} at most ${maxDifference} is expected`,
        { reason: 'VERIFICATION_FAILED' },
      );
    }
    progress.succeed(
      dtype === 'F32'
        ? `same logits on ${formatCount(restored.length)} records`
        : `same logits on ${formatCount(restored.length)} records, up to ${maxAbsoluteDifference.toPrecision(2)} for rounding to ${dtype}`,
    );
    return { recordCount: restored.length, maxAbsoluteDifference };
  } catch (error) {
    progress.fail();
    throw error;
  }
}

async function predictSome(
  inputs: VerifyInputs,
  modelUri: string,
  context: StageContext,
  baseModelUri = '',
): Promise<readonly (readonly number[])[]> {
  const { dataset } = inputs;
  const file = dataset.files.find(({ split }) => split === Split.VALIDATION) ?? dataset.files[0];
  const { records } = await predictStage(
    {
      modelUri,
      dataset: { ...dataset, files: file === undefined ? [] : [file] },
      batchSize: inputs.batchSize,
      task: inputs.task,
      memoryBudgetBytes: 0,
      baseModelUri,
      nBestSize: undefined,
      maxAnswerLength: undefined,
      nullScoreDiffThreshold: undefined,
    },
    context,
    () => true,
    RECORD_COUNT,
  );
  return records.map(({ logits }) => logits);
}

function silent(context: StageContext): Output {
  const nowhere = { write: () => true };
  return new Output({ stdout: nowhere, stderr: nowhere, environment: context.environment }, { quiet: true });
}

/** Largest absolute difference of two matrices; infinite when their shapes differ. */
function largestDifference(a: readonly (readonly number[])[], b: readonly (readonly number[])[]): number {
  if (a.length !== b.length || a.length === 0) return Number.POSITIVE_INFINITY;
  return a.reduce((largest, row, rowIndex) => {
    const other = b[rowIndex] ?? [];
    if (row.length !== other.length) return Number.POSITIVE_INFINITY;
    return row.reduce((sofar, value, column) => {
      const difference = Math.abs(value - (other[column] ?? Number.NaN));
      return Number.isNaN(difference) ? Number.POSITIVE_INFINITY : Math.max(sofar, difference);
    }, largest);
  }, 0);
}
