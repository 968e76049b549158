import { isUtf8 } from 'node:buffer';
import { DatasetFormat, RecordKind, type DatasetSpec, type Split } from '@pemmican/contract/vocabulary';
import { DEFAULT_MAX_SEQUENCE_LENGTHS, readRecords, type ReadOptions } from '@pemmican/dataset';
import { adviseHugePages } from '@pemmican/device-memory';
import {
  SequenceEncoder,
  findChatTemplate,
  readSequences,
  type SequenceCounts,
  type SequenceOptions,
  type TokenSequence,
} from '@pemmican/sequences';
import { openByteSource } from '@pemmican/storage';
import { EncodedDatasetBuilder, NO_LABEL, type EncodedDataset } from '@pemmican/training';
import { PreconditionError } from '../precondition-error.ts';
import { ModelTokenIds } from './model-token-ids.ts';
import type { DataRequest, PreparedData } from './prepared-data.ts';
import type { PreparedModel } from './prepared-model.ts';
import { ENCODER_MEMO_BYTES } from './record-encoder.ts';
import { FORMAT_NAMES } from './record-formats.ts';

const CHAT_TEMPLATE_FILE_NAME = 'chat_template.jinja';

/** Whether records are read as sequences of a language model's own: packed into blocks, or of a kind that only it takes. */
export function areSequences({ blockSize, recordKind }: DatasetSpec): boolean {
  return blockSize > 0 || sequenceKindOf(recordKind) !== 'text';
}

/**
 * Tokenizes every split into sequences, in the model's id space.
 * @throws PreconditionError SEQUENCE_TOO_LONG, TOKENIZER_TOO_LARGE, TOKEN_NOT_KEPT; DatasetError, SequenceError
 */
export async function prepareSequences(prepared: PreparedModel, request: DataRequest): Promise<PreparedData> {
  const { dataset } = request;
  const options = sequenceOptionsOf(prepared, dataset);
  const tokenIds = new ModelTokenIds(prepared, request.unkeptTokensToUnk);
  const splits = new Map<Split, EncodedDataset>();
  const notes: string[] = [];
  let skippedRecordCount = 0;
  const onSkip = (): void => {
    skippedRecordCount++;
  };
  for (const file of dataset.files.toSorted((a, b) => a.split - b.split)) {
    const source = await openByteSource(file.uri);
    try {
      const format = file.format === DatasetFormat.UNSPECIFIED ? {} : { format: FORMAT_NAMES[file.format] };
      const records = readRecords(source, { ...format, ...columnsOf(dataset), onSkip });
      const encoder = new SequenceEncoder(prepared.tokenizer, source.name, options);
      const sequences = readSequences(records, encoder, source.name, () => request.breathe());
      const encoded = await collect(sequences, tokenIds, source.name);
      splits.set(file.split, encoded);
      skippedRecordCount += encoder.counts.skippedRecordCount;
      notes.push(...notesOf(source.name, encoded, encoder.counts, options));
    } finally {
      await source.close();
    }
  }
  const none = { labelCount: 2, labelNames: undefined, words: new Map<never, never>() };
  return { ...none, splits, skippedRecordCount, mappedToUnkCount: tokenIds.mappedToUnkCount, notes };
}

/** The model with the chat template that a user gave in place of its own, so that the trained one has it too. */
export function withChatTemplate(prepared: PreparedModel, dataset: DatasetSpec | undefined): PreparedModel {
  const given = dataset?.chatTemplate ?? '';
  if (given === '') return prepared;
  const others = prepared.tokenizerFiles.filter(({ fileName }) => fileName !== CHAT_TEMPLATE_FILE_NAME);
  const file = { fileName: CHAT_TEMPLATE_FILE_NAME, bytes: new TextEncoder().encode(given) };
  return { ...prepared, tokenizerFiles: [...others, file] };
}

function sequenceOptionsOf(prepared: PreparedModel, dataset: DatasetSpec): SequenceOptions {
  const { blockSize, assistantOnlyLoss, skipInvalid } = dataset;
  const recordKind = sequenceKindOf(dataset.recordKind);
  const maxLength = dataset.maxSequenceLength || DEFAULT_MAX_SEQUENCE_LENGTHS[recordKind];
  const [field, length] = blockSize > 0 ? ['block_size', blockSize] : ['max_sequence_length', maxLength];
  if (length > prepared.model.maxSequenceLength)
    throw new PreconditionError(
      'SEQUENCE_TOO_LONG',
      `${field} ${length} is over the model's ${prepared.model.maxSequenceLength} positions`,
    );
  return {
    recordKind,
    maxLength,
    blockSize,
    assistantOnlyLoss,
    skipInvalid,
    ...(recordKind === 'messages' ? { chatTemplate: chatTemplateOf(prepared) } : {}),
    memoBytes: ENCODER_MEMO_BYTES,
    isUtf8,
    adviseMemory: adviseHugePages,
  };
}

function chatTemplateOf({ folder, tokenizerFiles }: PreparedModel): ReturnType<typeof findChatTemplate> {
  const textOf = (name: string): string | undefined => {
    const bytes = tokenizerFiles.find(({ fileName }) => fileName === name)?.bytes;
    return bytes === undefined ? undefined : new TextDecoder().decode(bytes);
  };
  const [jinja, config] = [textOf(CHAT_TEMPLATE_FILE_NAME), textOf('tokenizer_config.json')];
  return findChatTemplate({
    folderName: folder.name,
    ...(jinja === undefined ? {} : { jinja }),
    ...(config === undefined ? {} : { config: JSON.parse(config) as unknown }),
  });
}

function columnsOf(dataset: DatasetSpec): ReadOptions {
  return {
    recordKind: sequenceKindOf(dataset.recordKind),
    textColumn: dataset.textColumn || 'text',
    ...(dataset.textPairColumn === '' ? {} : { textPairColumn: dataset.textPairColumn }),
    promptColumn: dataset.promptColumn || 'prompt',
    completionColumn: dataset.completionColumn || 'completion',
    messagesColumn: dataset.messagesColumn || 'messages',
    skipInvalid: dataset.skipInvalid,
  };
}

function sequenceKindOf(kind: RecordKind): SequenceOptions['recordKind'] {
  if (kind === RecordKind.PROMPT_AND_COMPLETION) return 'prompt-and-completion';
  return kind === RecordKind.MESSAGES ? 'messages' : 'text';
}

async function collect(
  sequences: AsyncIterable<TokenSequence>,
  tokenIds: ModelTokenIds,
  fileName: string,
): Promise<EncodedDataset> {
  const builder = new EncodedDatasetBuilder();
  const labels: Int32Array[] = [];
  let isMasked = false;
  let sequenceCount = 0;
  for await (const { ids, typeIds, labels: ofTokens } of sequences) {
    const rows = tokenIds.toRows(ids, `${fileName}, sequence ${++sequenceCount}`);
    builder.add(rows, typeIds, 0);
    isMasked ||= ofTokens !== undefined;
    // What is predicted of a token is its id, in the model's id space as well.
    if (ofTokens !== undefined)
      labels.push(ofTokens.map((label, index) => (label === NO_LABEL ? NO_LABEL : (rows[index] ?? NO_LABEL))));
  }
  const dataset = builder.build();
  if (!isMasked) return dataset;
  const tokenLabels = new Int32Array(dataset.ids.length);
  let offset = 0;
  for (const ofTokens of labels) {
    tokenLabels.set(ofTokens, offset);
    offset += ofTokens.length;
  }
  return { ...dataset, tokenLabels };
}

/** What a user should know of a split that became something else than its records. */
function notesOf(
  fileName: string,
  { ids, tokenLabels }: EncodedDataset,
  counts: SequenceCounts,
  { blockSize }: SequenceOptions,
): string[] {
  const { restTokenCount, unlabelledBlockCount, unlikePromptCount } = counts;
  const labelCount = tokenLabels?.reduce((sum, label) => sum + Number(label !== NO_LABEL), 0);
  return [
    ...(labelCount === undefined ? [] : [`${fileName}: ${labelCount} of ${ids.length} tokens are predicted`]),
    ...(restTokenCount > 0
      ? [`${fileName}: the last ${restTokenCount} tokens fill no block of ${blockSize} and were left out`]
      : []),
    ...(unlabelledBlockCount > 0
      ? [`${fileName}: ${unlabelledBlockCount} blocks of which nothing is predicted were left out`]
      : []),
    ...(unlikePromptCount > 0
      ? [
          `${fileName}: ${unlikePromptCount} prompts are tokenized otherwise before their completion than by themselves; as many tokens as they have by themselves are not predicted`,
        ]
      : []),
  ];
}
