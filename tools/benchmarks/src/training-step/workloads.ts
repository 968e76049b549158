import { readFileSync } from 'node:fs';
import path from 'node:path';
import { dataFile, modelFolder } from '@pemmican/testkit';
import { Tokenizer } from '@pemmican/tokenizer';
import { TokenIdMap } from '@pemmican/vocabulary';
import { readEmbeddingConfig, reduceModel } from './model-folders.ts';
import type { BatchPlan, StepPlan } from './plan.ts';

/** How rows of a batch get their length: filled up to 128 tokens with real ids, or padded to the longest. */
export const SHAPES = ['128', 'dynamic'] as const;
export type Shape = (typeof SHAPES)[number];

const MAX_LENGTH = 128;

/** A model with its data, ready for every program. */
export interface Workload {
  readonly model: string;
  readonly task: StepPlan['task'];
  readonly batchSize: number;
  readonly fullVocabSize: number;
  readonly hiddenSize: number;
  readonly fullFolder: string;
  readonly reducedFolder: string;
  readonly tokenIdMap: TokenIdMap;
  readonly batches: (shape: Shape, isReduced: boolean) => BatchPlan[];
}

/** Models that the benchmark knows, with a vocabulary of 30, 49 and 250 thousand; a decoder's step takes long, hence 4 rows. */
export const MODELS: Readonly<Record<string, { task: StepPlan['task']; batchSize: number }>> = {
  'all-MiniLM-L6-v2': { task: 'sequence-classification', batchSize: 16 },
  'SmolLM2-135M-Instruct': { task: 'causal-lm', batchSize: 4 },
  'multilingual-e5-small': { task: 'sequence-classification', batchSize: 16 },
};

interface LabelledText {
  readonly text: string;
  readonly class: number;
}

function readTexts(name: string): LabelledText[] {
  const rows = JSON.parse(readFileSync(dataFile(`sentiment/${name}.json`), 'utf8')) as (LabelledText | null)[];
  return rows.filter((row): row is LabelledText => typeof row?.class === 'number');
}

/**
 * Reads a model and two real data sets, keeps the rows that they use and the special tokens, and reduces the model below `work`.
 * @throws Error for a model that has no entry in {@link MODELS} or is not fetched
 */
export async function makeWorkload(name: string, stepCount: number, work: string): Promise<Workload> {
  const known = MODELS[name];
  if (known === undefined) throw new RangeError(`No model ${name}; there are: ${Object.keys(MODELS).join(', ')}`);
  const fullFolder = modelFolder(name);
  const config = readEmbeddingConfig(fullFolder);
  const tokenizer = Tokenizer.fromJson(readFileSync(path.join(fullFolder, 'tokenizer.json')), {
    fileName: 'tokenizer.json',
  });
  const train = readTexts('amazon');
  const encode = ({ text }: LabelledText): Uint32Array => tokenizer.encode(text, { maxLength: MAX_LENGTH }).ids;
  const records = train.map(encode);
  const padId = tokenizer.padTokenId ?? config.pad_token_id ?? 0;
  const used = new Set([...records, ...readTexts('imdb').map(encode)].flatMap((ids) => Array.from(ids)));
  for (const id of [...tokenizer.specialTokenIds, padId]) used.add(id);
  const tokenIdMap = TokenIdMap.create(config.vocab_size, Uint32Array.from(used).sort());
  const reducedFolder = path.join(work, name);
  await reduceModel(fullFolder, tokenIdMap, reducedFolder);
  const labels = train.map((row) => row.class);
  return {
    model: name,
    ...known,
    fullVocabSize: config.vocab_size,
    hiddenSize: config.hidden_size,
    fullFolder,
    reducedFolder,
    tokenIdMap,
    batches: (shape, isReduced) => {
      const ids = isReduced ? records.map((record) => tokenIdMap.mapToReduced(record, 'error')) : records;
      const pad = isReduced ? tokenIdMap.toReducedId(padId) : padId;
      return Array.from({ length: stepCount }, (_, step) => {
        const rows = Array.from(
          { length: known.batchSize },
          (_, row) => (step * known.batchSize + row) % records.length,
        );
        return makeBatch(
          rows.map((row) => (shape === 'dynamic' ? Array.from(ids[row] ?? []) : filled(ids, row))),
          rows.map((row) => labels[row] ?? 0),
          pad,
        );
      });
    },
  };
}

/** 128 tokens: those of a record and of as many after it as it takes. */
function filled(records: readonly Uint32Array[], row: number): number[] {
  const ids: number[] = [];
  for (let next = row; ids.length < MAX_LENGTH; next = (next + 1) % records.length) ids.push(...(records[next] ?? []));
  return ids.slice(0, MAX_LENGTH);
}

/** Rows padded on the right to the longest. */
export function makeBatch(rows: readonly (readonly number[])[], labels: readonly number[], padId: number): BatchPlan {
  const length = Math.max(...rows.map((row) => row.length));
  const fill = (row: readonly number[], value: number): number[] => Array<number>(length - row.length).fill(value);
  return {
    rowCount: rows.length,
    length,
    inputIds: rows.flatMap((row) => [...row, ...fill(row, padId)]),
    attentionMask: rows.flatMap((row) => [...row.map(() => 1), ...fill(row, 0)]),
    labels,
  };
}
