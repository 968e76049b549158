import { hasTargetSequence, type Task } from '@pemmican/models';
import type { GenerationOptions } from '@pemmican/training';
import { PreconditionError } from '../precondition-error.ts';
import { outputRows, type PreparedModel } from './prepared-model.ts';

const FILE_NAME = 'generation_config.json';
// T5Config's and MT5Config's, where no file says anything.
const DEFAULT_END_TOKEN_ID = 1;

/** Fields of transformers' GenerationConfig that change what greedy decoding writes, with the values that do not. */
const NEUTRAL_VALUES: Readonly<Record<string, readonly unknown[]>> = {
  min_length: [0],
  min_new_tokens: [0],
  no_repeat_ngram_size: [0],
  encoder_no_repeat_ngram_size: [0],
  repetition_penalty: [1],
  encoder_repetition_penalty: [1],
  guidance_scale: [1],
  penalty_alpha: [0],
  bad_words_ids: [],
  force_words_ids: [],
  constraints: [],
  suppress_tokens: [],
  begin_suppress_tokens: [],
  forced_decoder_ids: [],
  forced_bos_token_id: [],
  forced_eos_token_id: [],
  sequence_bias: [],
  exponential_decay_length_penalty: [],
  stop_strings: [],
  watermarking_config: [],
  dola_layers: [],
};

/** How a folder's model writes, and what its rows are in the tokenizer's ids. */
export interface GenerationSettings extends Pick<GenerationOptions, 'startTokenId' | 'endTokenIds'> {
  /** Row of the output matrix to full token id. */
  readonly toFullId: (outputRow: number) => number;
  /** Row of the output matrix to row of the embedding matrix; undefined where there is none. */
  readonly toInputRow: (outputRow: number) => number | undefined;
}

/**
 * What transformers' `generate` would take from the folder: generation_config.json, whose ids are always full ones, and
 * config.json for what it does not say.
 * @throws PreconditionError UNSUPPORTED_GENERATION for a setting that would have it write something else, INVALID_JSON
 */
export function generationSettings(prepared: PreparedModel, task: Task): GenerationSettings {
  const { model, reduction, vocabRows } = prepared;
  if (!hasTargetSequence(task) || model.decoderStartTokenId === undefined)
    throw new TypeError(`A ${model.modelType} model does not write in ${task}`);
  const fields = readGenerationConfig(prepared);
  const map = reduction?.map;
  // Where the output matrix kept its rows, these are the full vocabulary's.
  const isOutputReduced = map !== undefined && outputRows(prepared, task) === vocabRows;
  const start = tokenIdsOf(prepared, fields, 'decoder_start_token_id')?.[0];
  const startRow = start === undefined ? model.decoderStartTokenId : (map?.toReducedId(start) ?? start);
  if (startRow < 0)
    throw new PreconditionError(
      'TOKEN_NOT_KEPT',
      `${prepared.folder.name}/${FILE_NAME}: decoder_start_token_id ${start} has no row in the reduced model`,
    );
  const ends = tokenIdsOf(prepared, fields, 'eos_token_id') ?? configuredEnds(prepared);
  const outputRowOf = (fullTokenId: number): number => (isOutputReduced ? map.toReducedId(fullTokenId) : fullTokenId);
  return {
    startTokenId: startRow,
    endTokenIds: new Set(ends.map(outputRowOf)),
    toFullId: (row) => (isOutputReduced ? map.toFullId(row) : row),
    toInputRow: (row) => {
      if (map === undefined || isOutputReduced) return row;
      const reducedTokenId = map.toReducedId(row);
      return reducedTokenId < 0 ? undefined : reducedTokenId;
    },
  };
}

function readGenerationConfig({ folder, tokenizerFiles }: PreparedModel): Readonly<Record<string, unknown>> {
  const bytes = tokenizerFiles.find(({ fileName }) => fileName === FILE_NAME)?.bytes;
  if (bytes === undefined) return {};
  const where = `${folder.name}/${FILE_NAME}`;
  let fields: unknown;
  try {
    fields = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new PreconditionError('INVALID_JSON', `${where}: is not valid JSON`, { cause });
  }
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields))
    throw new PreconditionError('INVALID_JSON', `${where}: is not a JSON object`);
  for (const [field, neutral] of Object.entries(NEUTRAL_VALUES)) {
    const value = (fields as Record<string, unknown>)[field];
    const isEmpty = typeof value === 'object' && Object.keys(value ?? {}).length === 0;
    if (value === undefined || isEmpty || neutral.includes(value)) continue;
    throw new PreconditionError(
      'UNSUPPORTED_GENERATION',
      `${where}: ${field} is ${JSON.stringify(value)}, which is not supported: the most likely token is written, whatever it is; take the field out to have that`,
    );
  }
  return fields as Record<string, unknown>;
}

/** Full token ids of a field, one or a list of them; undefined where it is not there, none where it is null. */
function tokenIdsOf(
  { folder, reduction, vocabRows }: PreparedModel,
  fields: Readonly<Record<string, unknown>>,
  field: string,
): readonly number[] | undefined {
  const value = fields[field];
  if (value === undefined) return undefined;
  const ids: readonly unknown[] = Array.isArray(value) ? value : value === null ? [] : [value];
  const limit = reduction?.manifest.fullVocabSize ?? vocabRows;
  const isId = (id: unknown): id is number => Number.isInteger(id) && Number(id) >= 0 && Number(id) < limit;
  if (ids.every(isId)) return ids;
  throw new PreconditionError(
    'INVALID_JSON',
    `${folder.name}/${FILE_NAME}: ${field} is ${JSON.stringify(value)}, expected integers from 0 to below ${limit}`,
  );
}

/** What ends a text by config.json, whose ids are those of the embedding matrix' rows. */
function configuredEnds({ config, reduction, vocabRows }: PreparedModel): readonly number[] {
  const value = config['eos_token_id'];
  if (value === undefined) return [DEFAULT_END_TOKEN_ID];
  const rows = (Array.isArray(value) ? value : [value]).filter(
    (row): row is number => Number.isInteger(row) && Number(row) >= 0 && Number(row) < vocabRows,
  );
  return rows.map((row) => reduction?.map.toFullId(row) ?? row);
}
