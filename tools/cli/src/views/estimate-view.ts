import type { EstimateMemoryResponse, MemoryBreakdown, MemoryEstimate } from '@pemmican/contract/trainer';

import { isLanguageModeling, type TaskName } from '../options/training-options.ts';
import type { Colors } from '../output/output.ts';
import { formatTable } from '../output/table.ts';
import { formatBytes, formatCount, formatPercent } from '../output/units.ts';

/** The parts of a training step's memory, in the order in which they are shown. */
export const MEMORY_PARTS = [
  ['weights', 'weightBytes'],
  ['gradients', 'gradientBytes'],
  ['optimizer', 'optimizerBytes'],
  ['activations', 'activationBytes'],
  ['workspace', 'workspaceBytes'],
] as const satisfies readonly (readonly [string, keyof MemoryBreakdown])[];

/** Why a part may be smaller in the full plan. */
export const PEAK_NOTE = "Parts are what is alive at the step's peak, which the two may reach at different moments.";

/** Why there is nothing beside the full plan. */
const FULL_VOCABULARY_NOTE =
  "A language model's loss runs over the full vocabulary: where its matrices are tied it reads every embedding row, and none can be left out.";

const UNTIED_NOTE =
  "A language model's loss runs over the full vocabulary: its output matrix keeps every row, and only rows of the embedding matrix are left out.";

const DEVICES_NOTE =
  'The first device holds weights, gradients and optimizer; each other one a copy of the weights, its activations and its gradients. Memory of several devices is planned, not measured.';

const RESTRICTED_NOTE =
  'Reduced is a softmax over the kept rows only: ANOTHER LOSS than that over the full vocabulary.';

/** The memory report: full beside reduced, part by part. */
export function renderEstimate(
  response: EstimateMemoryResponse,
  memoryLimitBytes: number,
  colors: Colors,
  options: { readonly task?: TaskName; readonly restrictedSoftmax?: boolean } = {},
): string {
  const { full, reduced } = response;
  const rows = [
    ...MEMORY_PARTS.map(([name, field]) => byteRow(name, full?.memory?.[field], reduced?.memory?.[field])),
    byteRow(colors.bold('peak'), full?.memory?.peakBytes, reduced?.memory?.peakBytes),
    byteRow(colors.dim('of it, embedding'), full?.memory?.embeddingBytes, reduced?.memory?.embeddingBytes),
    ...(full?.otherDeviceMemory === undefined
      ? []
      : [
          byteRow('peak of each other device', full.otherDeviceMemory.peakBytes, reduced?.otherDeviceMemory?.peakBytes),
        ]),
    ['embedding rows', countCell(full?.vocabRows), countCell(reduced?.vocabRows), ''],
    ['parameters', countCell(full?.parameterCount), countCell(reduced?.parameterCount), ''],
    ...(hasFrozen(full)
      ? [['of them, trained', countCell(full?.trainedParameterCount), countCell(reduced?.trainedParameterCount), '']]
      : []),
    ...(memoryLimitBytes > 0
      ? [[`largest batch in ${formatBytes(memoryLimitBytes)}`, batchCell(full), batchCell(reduced), '']]
      : []),
  ];
  const title =
    `Memory of a training step, ${formatCount(response.batchSize)} records of ${formatCount(response.sequenceLength)} tokens` +
    (response.targetLength > 0 ? ` and targets of ${formatCount(response.targetLength)}` : '') +
    (response.engineBytes > 0 ? ` (the engine itself takes ${formatBytes(response.engineBytes)} more)` : '');
  const notes = [reduced === undefined ? FULL_VOCABULARY_NOTE : PEAK_NOTE];
  if (full?.otherDeviceMemory !== undefined) notes.push(DEVICES_NOTE);
  if (reduced !== undefined && options.task !== undefined && isLanguageModeling(options.task))
    notes.push(options.restrictedSoftmax === true ? RESTRICTED_NOTE : UNTIED_NOTE);
  return `${colors.bold(title)}\n${formatTable(['', 'full', 'reduced', 'saved'], rows)}\n${colors.dim(notes.join('\n'))}`;
}

/**
 * Which share of a part is saved. A part that is smaller in the full plan saves nothing and costs nothing either: the two
 * plans peak at different moments of the step, and parts are those alive at the peak.
 */
export function formatSaved(full: number | undefined, reduced: number | undefined): string {
  return full === undefined || reduced === undefined || reduced > full || full === 0
    ? ''
    : formatPercent(1 - reduced / full);
}

/** An older service tells no count of what is trained. */
function hasFrozen(estimate: MemoryEstimate | undefined): boolean {
  const trained = estimate?.trainedParameterCount ?? 0;
  return trained > 0 && trained !== estimate?.parameterCount;
}

function byteRow(name: string, full: number | undefined, reduced: number | undefined): string[] {
  // The two plans peak at different moments, so a part can be larger in the reduced one's: that is nothing saved.
  const isSaved = full !== undefined && reduced !== undefined && full > 0 && reduced <= full;
  const saved = isSaved ? formatPercent(1 - reduced / full) : '';
  return [name, byteCell(full), byteCell(reduced), saved];
}

function byteCell(bytes: number | undefined): string {
  return bytes === undefined ? '' : formatBytes(bytes);
}

function countCell(count: number | undefined): string {
  return count === undefined ? '' : formatCount(count);
}

function batchCell(estimate: MemoryEstimate | undefined): string {
  if (estimate === undefined) return '';
  return estimate.largestBatchSize === 0 ? 'none' : formatCount(estimate.largestBatchSize);
}
