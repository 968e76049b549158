import { DatasetError, type DatasetRecord, type Message, type RecordKind } from '@pemmican/dataset';
import {
  FastEncoder,
  RecordBlockBuilder,
  TokenSpans,
  type FastEncoderOptions,
  type Tokenizer,
} from '@pemmican/tokenizer';
import { BlockPacker } from './block-packer.ts';
import type { ChatTemplate, RenderedConversation } from './chat-template.ts';
import { SequenceError } from './error.ts';
import { NOT_PREDICTED, predictsSomething, type TokenSequence } from './token-sequence.ts';

/** How records become sequences. */
export interface SequenceOptions extends Pick<FastEncoderOptions, 'memoBytes' | 'isUtf8' | 'adviseMemory'> {
  readonly recordKind: Exclude<RecordKind, 'words'>;
  /** Longest sequence in tokens; what is over is cut off at the end. Not for blocks, which take every token. */
  readonly maxLength: number;
  /** Tokens of a block that sequences are packed into; 0: each record is a sequence of its own. */
  readonly blockSize: number;
  /** Renders messages; they need it. */
  readonly chatTemplate?: ChatTemplate;
  /** Predict only what the assistant says of messages. */
  readonly assistantOnlyLoss?: boolean;
  /** Leave out (and count) conversations that the template refuses and records of which nothing is predicted. */
  readonly skipInvalid?: boolean;
}

/** What became of a split's records, beside the sequences. */
export interface SequenceCounts {
  /** Records and blocks that were cut off. */
  readonly truncatedRecordCount: number;
  /** Records that were left out. */
  readonly skippedRecordCount: number;
  /** Blocks that were left out since nothing of them is predicted. */
  readonly unlabelledBlockCount: number;
  /** Tokens at the end of the split that no block was made of. */
  readonly restTokenCount: number;
  /** Prompts whose tokens are not the first ones of prompt and completion together. */
  readonly unlikePromptCount: number;
}

// Encoded at a time: some milliseconds.
const BLOCK_BYTES = 256 * 1024;
const BLOCK_RECORDS = 1024;

/** A record whose texts wait to be encoded. */
interface Waiting {
  readonly row: number;
  readonly conversation?: RenderedConversation;
}

/**
 * Turns the records of one split into the sequences that a language model reads, in their order. Counting and training both
 * use it, so that they read the same.
 */
export class SequenceEncoder {
  readonly #fileName: string;
  readonly #options: SequenceOptions;
  readonly #encoder: FastEncoder;
  readonly #tokenSpans: TokenSpans | undefined;
  readonly #eosToken: string;
  readonly #packer: BlockPacker | undefined;
  readonly #builder = new RecordBlockBuilder();
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #counts = { truncatedRecordCount: 0, skippedRecordCount: 0, unlikePromptCount: 0 };

  /**
   * @param fileName what error messages call the split's file
   * @throws SequenceError TEMPLATE_MISSING, EOS_TOKEN_MISSING
   */
  constructor(tokenizer: Tokenizer, fileName: string, options: SequenceOptions) {
    const { recordKind, blockSize, chatTemplate } = options;
    if (recordKind === 'messages' && chatTemplate === undefined)
      throw new SequenceError('TEMPLATE_MISSING', 'Messages need a chat template');
    this.#fileName = fileName;
    this.#options = options;
    const { memoBytes, isUtf8, adviseMemory } = options;
    this.#encoder = new FastEncoder(tokenizer, {
      // A template writes the special tokens itself.
      addSpecialTokens: recordKind !== 'messages',
      ...(memoBytes === undefined ? {} : { memoBytes }),
      ...(isUtf8 === undefined ? {} : { isUtf8 }),
      ...(adviseMemory === undefined ? {} : { adviseMemory }),
    });
    this.#tokenSpans = options.assistantOnlyLoss === true ? new TokenSpans(tokenizer) : undefined;
    this.#eosToken = recordKind === 'prompt-and-completion' ? endOf(tokenizer) : '';
    this.#packer = blockSize > 0 ? new BlockPacker(blockSize) : undefined;
  }

  get counts(): SequenceCounts {
    return {
      ...this.#counts,
      unlabelledBlockCount: this.#packer?.unlabelledBlockCount ?? 0,
      restTokenCount: this.#packer?.restTokenCount ?? 0,
    };
  }

  /** Whether enough records wait that they should be taken. */
  get isFull(): boolean {
    return this.#waitingBytes >= BLOCK_BYTES || this.#waiting.length >= BLOCK_RECORDS;
  }

  /**
   * Adds a record.
   * @throws DatasetError INVALID_TEXT for a conversation that the template refuses; SequenceError
   */
  add(record: DatasetRecord): void {
    const { row, text, textPair, prompt, completion, messages } = record;
    const bytesBefore = this.#builder.byteCount;
    if (messages !== undefined) {
      const conversation = this.#render(messages, row);
      if (conversation === undefined) return;
      this.#builder.add(conversation.text);
      this.#waiting.push({ row, conversation });
    } else if (prompt !== undefined && completion !== undefined) {
      this.#builder.add(prompt);
      this.#builder.add(prompt + (completion.endsWith(this.#eosToken) ? completion : completion + this.#eosToken));
      this.#waiting.push({ row });
    } else {
      this.#builder.add(text, textPair);
      this.#waiting.push({ row });
    }
    this.#waitingBytes += this.#builder.byteCount - bytesBefore;
  }

  /**
   * The sequences of the records that were added since the last call.
   * @throws DatasetError INVALID_TEXT for a record of which nothing is predicted; TokenizerError
   */
  *take(): Generator<TokenSequence, void, undefined> {
    const { ids, typeIds, recordOffsets } = this.#encoder.encode(this.#builder.take());
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    const textsPerRecord = this.#options.recordKind === 'prompt-and-completion' ? 2 : 1;
    for (const [index, record] of waiting.entries()) {
      const text = index * textsPerRecord;
      const [start = 0, middle = 0, end = middle] = recordOffsets.subarray(text, text + textsPerRecord + 1);
      const from = textsPerRecord === 2 ? middle : start;
      const whole = ids.subarray(from, end);
      const labels =
        textsPerRecord === 2 ? this.#afterPrompt(ids.subarray(start, middle), whole) : this.#ofAssistant(whole, record);
      yield* this.#finish({ ids: whole, typeIds: typeIds.subarray(from, end), labels }, record.row);
    }
  }

  #render(messages: readonly Message[], row: number): RenderedConversation | undefined {
    const { chatTemplate, assistantOnlyLoss } = this.#options;
    if (chatTemplate === undefined) throw new TypeError('Unreachable: messages without a template were refused');
    try {
      if (assistantOnlyLoss === true) return chatTemplate.renderWithSpans(messages);
      return { text: chatTemplate.render(messages), assistantSpans: [] };
    } catch (error) {
      if (!(error instanceof SequenceError)) throw error;
      if (error.code !== 'RENDERING_FAILED')
        throw new SequenceError(error.code, `${this.#fileName}, row ${row}: ${error.message}`, { cause: error });
      this.#skip(row, `the chat template of ${chatTemplate.fileName} refuses the conversation: ${error.message}`);
      return undefined;
    }
  }

  /** Labels of a prompt and its completion: as many tokens as the prompt has by itself are not predicted. */
  #afterPrompt(prompt: Uint32Array, whole: Uint32Array): Int32Array {
    if (!prompt.every((id, index) => whole[index] === id)) this.#counts.unlikePromptCount++;
    return Int32Array.from(whole).fill(NOT_PREDICTED, 0, Math.min(prompt.length, whole.length));
  }

  #ofAssistant(ids: Uint32Array, { row, conversation }: Waiting): Int32Array | undefined {
    if (this.#tokenSpans === undefined || conversation === undefined) return undefined;
    const { text, assistantSpans } = conversation;
    const isAssistant = this.#tokenSpans.find(ids, text, assistantSpans);
    if (isAssistant !== undefined)
      return Int32Array.from(ids, (id, token) => (isAssistant[token] === 1 ? id : NOT_PREDICTED));
    throw new SequenceError(
      'ASSISTANT_TOKENS_UNKNOWN',
      `${this.#fileName}, row ${row}: which tokens are the assistant's cannot be told, since the tokens of this tokenizer do not spell the text`,
    );
  }

  *#finish(sequence: TokenSequence, row: number): Generator<TokenSequence, void, undefined> {
    const { maxLength, recordKind } = this.#options;
    if (this.#packer !== undefined) {
      if (sequence.labels?.every((label) => label === NOT_PREDICTED) === true)
        this.#skip(row, this.#nothingPredicted(''));
      else yield* this.#packer.add(sequence);
      return;
    }
    const isTruncated = sequence.ids.length > maxLength;
    const cut = isTruncated ? truncate(sequence, maxLength) : sequence;
    if (recordKind !== 'text' && !predictsSomething(cut)) {
      this.#skip(
        row,
        this.#nothingPredicted(isTruncated ? ` within the ${maxLength} tokens of max_sequence_length` : ''),
      );
      return;
    }
    if (isTruncated) this.#counts.truncatedRecordCount++;
    yield cut;
  }

  #nothingPredicted(where: string): string {
    const { recordKind, assistantOnlyLoss } = this.#options;
    if (recordKind === 'prompt-and-completion') return `the completion has no token${where}`;
    return assistantOnlyLoss === true ? `the assistant has no token${where}` : `nothing is predicted${where}`;
  }

  #skip(row: number, problem: string): void {
    if (this.#options.skipInvalid !== true)
      throw new DatasetError(
        'INVALID_TEXT',
        this.#fileName,
        `row ${row}: ${problem} (such rows can be left out with --skip-invalid)`,
      );
    this.#counts.skippedRecordCount++;
  }
}

function truncate({ ids, typeIds, labels }: TokenSequence, length: number): TokenSequence {
  return { ids: ids.subarray(0, length), typeIds: typeIds.subarray(0, length), labels: labels?.subarray(0, length) };
}

/** The token that ends a completion, so that a model learns where to stop. */
function endOf(tokenizer: Tokenizer): string {
  const id = tokenizer.eosTokenId;
  const token = id === undefined ? undefined : tokenizer.idToToken(id);
  if (token !== undefined) return token;
  throw new SequenceError(
    'EOS_TOKEN_MISSING',
    'tokenizer_config.json names no eos_token of the tokenizer, with which completions end',
  );
}
