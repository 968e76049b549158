import type { BlobReader } from '../blob-reader.ts';
import type { LlamaShape } from './llama-shape.ts';
import type { GgufMetadata } from './metadata.ts';

/** A byte-level BPE vocabulary with its special tokens. */
export interface LlamaVocabulary {
  /** By id. */
  readonly pieces: readonly string[];
  /** Pairs of pieces, first merged first. */
  readonly merges: readonly (readonly [string, string])[];
  /** Ids of the pieces that text never becomes by merging: `<|im_start|>`. */
  readonly controlTokenIds: readonly number[];
  readonly beginTokenId: number;
  readonly endTokenId: number;
  readonly paddingTokenId: number;
  readonly unknownTokenId: number;
  readonly chatTemplate?: string;
}

// Types of pieces in the file.
const NORMAL = 1;
const CONTROL = 3;

/** @throws SetupError MALFORMED, also for another kind of tokenizer than SmolLM2's */
export function readLlamaVocabulary(reader: BlobReader, metadata: GgufMetadata, shape: LlamaShape): LlamaVocabulary {
  const key = (name: string): string => `tokenizer.ggml.${name}`;
  for (const [name, expected] of [
    ['model', 'gpt2'],
    ['pre', 'smollm'],
  ] as const) {
    const found = metadata.text(key(name));
    if (found !== expected) reader.fail(`"${key(name)}" is "${found}", only "${expected}" is converted`);
  }
  for (const name of ['add_bos_token', 'add_eos_token', 'add_space_prefix']) {
    if (metadata.flag(key(name))) reader.fail(`"${key(name)}" is true, only false is converted`);
  }
  const pieces = metadata.texts(key('tokens'));
  const types = metadata.numbers(key('token_type'));
  if (pieces.length !== shape.vocabSize || types.length !== shape.vocabSize) {
    reader.fail(`it has ${pieces.length} pieces and ${types.length} types of pieces for ${shape.vocabSize} rows`);
  }
  const wrongType = types.find((type) => type !== NORMAL && type !== CONTROL);
  if (wrongType !== undefined) reader.fail(`it has a piece of type ${wrongType}, only 1 and 3 are converted`);
  const known = new Set(pieces);
  if (known.size !== pieces.length) reader.fail(`only ${known.size} of its ${pieces.length} pieces are different`);
  const tokenId = (name: string): number => metadata.count(key(name), 0, pieces.length - 1);
  const templateKey = 'tokenizer.chat_template';
  return {
    pieces,
    merges: metadata.texts(key('merges')).map((merge) => parseMerge(reader, merge, known)),
    controlTokenIds: pieces
      .keys()
      .filter((id) => types[id] === CONTROL)
      .toArray(),
    beginTokenId: tokenId('bos_token_id'),
    endTokenId: tokenId('eos_token_id'),
    paddingTokenId: tokenId('padding_token_id'),
    unknownTokenId: tokenId('unknown_token_id'),
    ...(metadata.has(templateKey) ? { chatTemplate: metadata.text(templateKey) } : {}),
  };
}

function parseMerge(reader: BlobReader, merge: string, known: ReadonlySet<string>): readonly [string, string] {
  const [left, right, ...rest] = merge.split(' ');
  const isMerge = left !== undefined && right !== undefined && rest.length === 0;
  if (isMerge && [left, right, left + right].every((piece) => known.has(piece))) return [left, right];
  return reader.fail(`its merge "${merge}" is not two of its pieces that make up a third`);
}
