/**
 * One measurement of pemmican in a process of its own: `ours-child.ts PLAN`.
 * @module
 */
import { gatherBlocks } from './block-results.ts';
import { loadCorpus, type Corpus } from './corpus.ts';
import type { OursPass } from './ours-runner.ts';
import { createSingleRunner } from './ours-single.ts';
import { createWorkerRunner } from './ours-workers.ts';
import type { ChildPlan, ChildReport, Pass } from './plan.ts';
import { peakResidentBytes } from './process-measures.ts';
import { ReferenceIds } from './reference-ids.ts';

interface Differences {
  readonly records: number;
  readonly ids: number;
}

function compare(plan: ChildPlan, corpus: Corpus, pass: OursPass): Differences {
  const reference = ReferenceIds.read(plan.referencePrefix);
  const { recordLengths, ids, recordOffsets } = gatherBlocks(pass.blocks);
  if (pass.counts === undefined)
    return { records: reference.differingRecords(ids, recordOffsets, corpus.recordIndices), ids: 0 };
  return {
    records: reference.differingLengths(recordLengths, corpus.recordIndices),
    ids: reference.differingCounts(pass.counts, corpus.recordIndices),
  };
}

const plan = JSON.parse(process.argv[2] ?? '') as ChildPlan;
const corpus = loadCorpus(plan.corpusFile, plan.sampleBytes);
const runner = await (plan.threadCount === 1 ? createSingleRunner : createWorkerRunner)(plan, corpus);
const passes: Pass[] = [];
const differences: Differences[] = [];
let tokenCount = 0;
let peakBytes = 0;
while (passes.length === 0 || (passes.length === 1 && (passes[0]?.[plan.task]?.wallMs ?? 0) < plan.secondPassLimitMs)) {
  const pass = await runner.pass();
  passes.push({ [plan.task]: pass.measure });
  peakBytes ||= peakResidentBytes();
  // The encoder's next pass overwrites what this one gave.
  differences.push(compare(plan, corpus, pass));
  tokenCount = pass.counts?.reduce((sum, count) => sum + count, 0) ?? gatherBlocks(pass.blocks).ids.length;
}
await runner.close();
const report: ChildReport = {
  version: '',
  sizeBytes: corpus.bytes.length,
  recordCount: corpus.recordIndices.length,
  tokenCount,
  passes,
  differingRecordCount: Math.max(...differences.map(({ records }) => records)),
  differingIdCount: Math.max(...differences.map(({ ids }) => ids)),
  peakResidentBytes: peakBytes,
};
console.log(JSON.stringify(report));
