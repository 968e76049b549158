import type { CommandContext } from '../command-context.ts';
import type { AnalyzeOptions } from '../commands/analyze.ts';
import { toServiceLocation } from '../options/location.ts';
import { replacementSeedOf } from '../options/training-options.ts';
import { ServicePool } from '../services/service-pool.ts';
import { analyzeStage, toAnalysisSpec } from '../stages/analyze-stage.ts';
import { analysisDocument } from '../views/analysis-document.ts';
import { renderAnalysis } from '../views/analysis-view.ts';

/** `pemmican analyze` */
export async function analyze(options: AnalyzeOptions, context: CommandContext): Promise<void> {
  await using pool = await ServicePool.open(['vocabulary-analysis'], options, context);
  const result = await analyzeStage(
    toAnalysisSpec({ ...options, replacementSeed: replacementSeedOf(options) }),
    options.output,
    { ...context, pool },
  );
  const { output } = context;
  const profile = options.output === undefined ? undefined : toServiceLocation(options.output);
  output.print(renderAnalysis(result, output.colors));
  if (profile !== undefined) output.print(`\nProfile: ${profile}`);
  output.document({ ...analysisDocument(result), ...(profile === undefined ? {} : { output: profile }) });
}
