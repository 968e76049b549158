import type { PredictRequest } from '@pemmican/contract/trainer';

import { formatCount } from '../output/units.ts';
import { startProgress } from '../progress/progress.ts';
import { readStream } from '../services/call.ts';
import type { StageContext } from './stage.ts';

/** Logits of the records of a file, in file order. */
export interface Predictions {
  /** `[recordCount, labelCount]`; only the records that the callback asked to keep. */
  readonly logits: readonly (readonly number[])[];
  readonly labelNames: readonly string[];
}

/**
 * Predicts the records of a file.
 * @param onRecord - called for each record; returns whether its logits are kept in the result
 * @param recordLimit - stop after so many records
 */
export async function predictStage(
  request: PredictRequest,
  context: StageContext,
  onRecord: (logits: readonly number[], labelNames: readonly string[]) => boolean,
  recordLimit = Number.POSITIVE_INFINITY,
): Promise<Predictions> {
  const { trainer } = context.pool;
  const progress = startProgress('Predict', context.output);
  const logits: number[][] = [];
  let labelNames: readonly string[] = [];
  let recordCount = 0;
  try {
    read: for await (const response of readStream('trainer', trainer.predict(request), context.interrupt.signal)) {
      if (response.labelNames.length > 0) labelNames = response.labelNames;
      const { labelCount } = response;
      for (let start = 0; start + labelCount <= response.logits.length && labelCount > 0; start += labelCount) {
        const row = response.logits.slice(start, start + labelCount);
        if (onRecord(row, labelNames)) logits.push(row);
        recordCount += 1;
        if (recordCount >= recordLimit) break read;
      }
      progress.update(0, `${formatCount(recordCount)} records`);
    }
    progress.succeed(`${formatCount(recordCount)} records`);
    return { logits, labelNames };
  } catch (error) {
    progress.fail();
    throw error;
  }
}
