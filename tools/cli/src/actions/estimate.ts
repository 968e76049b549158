import type { CommandContext } from '../command-context.ts';
import type { EstimateOptions } from '../commands/estimate.ts';
import { longestTargetOf } from '../options/seq2seq-options.ts';
import { longestSequenceOf } from '../options/sequence-options.ts';
import { replacementSeedOf } from '../options/training-options.ts';
import { toTrainingOptions } from '../options/training-spec.ts';
import { ServicePool } from '../services/service-pool.ts';
import { analyzeStage, toAnalysisSpec } from '../stages/analyze-stage.ts';
import { estimateStage } from '../stages/estimate-stage.ts';
import { analysisDocument } from '../views/analysis-document.ts';
import { renderAnalysis } from '../views/analysis-view.ts';
import { renderEstimate } from '../views/estimate-view.ts';

/** `pemmican estimate` */
export async function estimate(options: EstimateOptions, context: CommandContext): Promise<void> {
  await using pool = await ServicePool.open(['vocabulary-analysis', 'trainer'], options, context);
  const stageContext = { ...context, pool };
  const analysis = await analyzeStage(
    toAnalysisSpec({ ...options, replacementSeed: replacementSeedOf(options) }),
    options.output,
    stageContext,
  );
  const memoryLimitBytes = options.memory ?? 0;
  const response = await estimateStage(
    {
      model: options.model,
      analysis,
      options: toTrainingOptions(options),
      maxSeqLength: longestSequenceOf(options),
      maxTargetLength: longestTargetOf(options),
      memoryLimitBytes,
    },
    stageContext,
  );
  const { output } = context;
  output.print(`${renderAnalysis(analysis, output.colors)}\n`);
  output.print(renderEstimate(response, memoryLimitBytes, output.colors, options));
  output.document({ vocabulary: analysisDocument(analysis), estimate: { ...response, memoryLimitBytes } });
}
