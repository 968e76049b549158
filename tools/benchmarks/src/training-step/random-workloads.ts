import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { TokenIdMap } from '@pemmican/vocabulary';
import { readEmbeddingConfig, reduceModel } from './model-folders.ts';
import type { StepPlan } from './plan.ts';
import { peerPython } from './programs.ts';
import { makeBatch, type Workload } from './workloads.ts';

/**
 * Shapes of published models, filled with random weights: what a step costs does not depend on the values. Kept rows are as
 * many as the median data set of docs/benchmarks/vocabulary-usage.md uses of such a vocabulary, in round numbers.
 */
export const RANDOM_MODELS: Readonly<
  Record<string, { task: StepPlan['task']; batchSize: number; keptRowCount: number }>
> = {
  'bert-base': { task: 'sequence-classification', batchSize: 32, keptRowCount: 12_000 },
  'xlm-roberta-base': { task: 'sequence-classification', batchSize: 32, keptRowCount: 12_000 },
  'smollm2-135m': { task: 'causal-lm', batchSize: 8, keptRowCount: 12_000 },
};

const MAX_LENGTH = 128;
const SEED = 42;

/** A linear congruential generator: the same ids on every machine. */
function randomIntegers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/**
 * Makes a model and its reduced form below `work`, and batches of random kept ids.
 * @throws Error for a name that has no entry in {@link RANDOM_MODELS}
 */
export async function makeRandomWorkload(name: string, stepCount: number, work: string): Promise<Workload> {
  const known = RANDOM_MODELS[name];
  if (known === undefined)
    throw new RangeError(`No shape ${name}; there are: ${Object.keys(RANDOM_MODELS).join(', ')}`);
  const fullFolder = path.join(work, `${name}-full`);
  execFileSync(peerPython(), [path.join(import.meta.dirname, 'random_model.py'), name, fullFolder], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const config = readEmbeddingConfig(fullFolder);
  const padId = config.pad_token_id ?? 0;
  const random = randomIntegers(SEED);
  // RoBERTa's kind counts positions from the padding id on: it has to stay where it is.
  const kept = new Set(Array.from({ length: padId + 1 }, (_, id) => id));
  while (kept.size < known.keptRowCount) kept.add(random(config.vocab_size));
  const tokenIdMap = TokenIdMap.create(config.vocab_size, Uint32Array.from(kept).sort());
  const reducedFolder = path.join(work, `${name}-reduced`);
  await reduceModel(fullFolder, tokenIdMap, reducedFolder);
  return {
    model: name,
    ...known,
    fullVocabSize: config.vocab_size,
    hiddenSize: config.hidden_size,
    fullFolder,
    reducedFolder,
    tokenIdMap,
    batches: (shape, isReduced) => {
      const next = randomIntegers(SEED);
      const reducedPadId = tokenIdMap.toReducedId(padId);
      const drawId = (): number => {
        const id = next(known.keptRowCount);
        return id === reducedPadId ? drawId() : id;
      };
      const lengthOf = (): number => (shape === 'dynamic' ? 8 + next(MAX_LENGTH - 7) : MAX_LENGTH);
      return Array.from({ length: stepCount }, () => {
        const rows = Array.from({ length: known.batchSize }, () => Array.from({ length: lengthOf() }, drawId));
        return makeBatch(
          isReduced ? rows : rows.map((row) => row.map((id) => tokenIdMap.toFullId(id))),
          rows.map(() => next(2)),
          isReduced ? reducedPadId : padId,
        );
      });
    },
  };
}
