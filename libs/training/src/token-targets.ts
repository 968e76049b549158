import { SeededRandom } from '@pemmican/models';
import type { Batch } from './encoded-dataset.ts';
import { TrainingError } from './error.ts';
import { NO_LABEL } from './word-labels.ts';

/** The places of a batch that predict something. */
export interface TokenTargets {
  /** Places in `[rowCount * length]`, ascending. */
  readonly positions: Int32Array;
  /** What each place predicts: a token in the id space of the batch, or a class. */
  readonly labels: Int32Array;
}

/** How tokens are hidden (BERT, arXiv 1810.04805, section 3.1; transformers' DataCollatorForLanguageModeling). */
export interface MaskingOptions {
  /** Share of the tokens that are predicted. */
  readonly probability: number;
  readonly maskTokenId: number;
  /** Tokens that are never predicted. */
  readonly specialTokenIds: ReadonlySet<number>;
  /** Tokens, in the id space of the batch, that are put in place of others; see `replacementTokenIds`. */
  readonly replacementTokenIds: Uint32Array;
}

// Of the tokens that are predicted, this share is hidden; half of the others are replaced at random, half left as they are.
const HIDDEN_SHARE = 0.8;

/** The tokens that have a class. */
export function labelledTargets({ tokenLabels }: Batch): TokenTargets {
  const positions: number[] = [];
  const classes: number[] = [];
  tokenLabels?.forEach((label, place) => {
    if (label === NO_LABEL) return;
    positions.push(place);
    classes.push(label);
  });
  return targets(positions, classes, 'word with a tag');
}

/**
 * Each token of a record predicts the next one; where tokens have labels (transformers' `labels`, the tokens themselves), only
 * those that have one are predicted.
 */
export function nextTokenTargets(batch: Batch): TokenTargets {
  const { tokenLabels } = batch;
  const positions: number[] = [];
  const tokenIds: number[] = [];
  for (let row = 0; row < batch.rowCount; row++) {
    for (let column = 0; column + 1 < batch.length; column++) {
      const place = row * batch.length + column;
      if (batch.attentionMask[place + 1] === 0) break;
      const label = tokenLabels === undefined ? batch.inputIds[place + 1] : tokenLabels[place + 1];
      if (label === undefined || label === NO_LABEL) continue;
      positions.push(place);
      tokenIds.push(label);
    }
  }
  const need =
    tokenLabels === undefined ? 'record of two tokens and more' : 'token with a label after the first of a record';
  return targets(positions, tokenIds, need);
}

/**
 * Hides tokens of a batch and says what they were. What happens to a record depends on the seed, `pass` and the record alone,
 * not on the batch it comes in.
 * @param pass names the pass over the data, such as the epoch: each hides others
 * @returns the batch with hidden tokens, and the targets
 */
export function maskTokens(
  batch: Batch,
  options: MaskingOptions,
  seed: number,
  pass: string,
): { batch: Batch; targets: TokenTargets } {
  const inputIds = batch.inputIds.slice();
  const positions: number[] = [];
  const tokenIds: number[] = [];
  batch.records.forEach((record, row) => {
    const random = new SeededRandom(seed, `mask:${pass}:${record}`);
    for (let column = 0; column < batch.length; column++) {
      const place = row * batch.length + column;
      const tokenId = batch.inputIds[place] ?? 0;
      if (batch.attentionMask[place] === 0) break;
      if (options.specialTokenIds.has(tokenId) || random.uniform() >= options.probability) continue;
      positions.push(place);
      tokenIds.push(tokenId);
      const draw = random.uniform();
      if (draw < HIDDEN_SHARE) inputIds[place] = options.maskTokenId;
      else if (draw < (1 + HIDDEN_SHARE) / 2)
        inputIds[place] = options.replacementTokenIds[random.integer(options.replacementTokenIds.length)] ?? tokenId;
    }
  });
  if (positions.length === 0) hideOne(batch, options, inputIds, positions, tokenIds);
  return {
    batch: { ...batch, inputIds },
    targets: targets(positions, tokenIds, 'token that is not special'),
  };
}

/** A batch so short that chance left it whole has no loss: its first token that may be is hidden. */
function hideOne(
  batch: Batch,
  options: MaskingOptions,
  inputIds: Int32Array,
  positions: number[],
  tokenIds: number[],
): void {
  const place = batch.inputIds.findIndex(
    (tokenId, index) => batch.attentionMask[index] === 1 && !options.specialTokenIds.has(tokenId),
  );
  if (place < 0) return;
  positions.push(place);
  tokenIds.push(batch.inputIds[place] ?? 0);
  inputIds[place] = options.maskTokenId;
}

function targets(positions: readonly number[], labels: readonly number[], need: string): TokenTargets {
  if (positions.length === 0) throw new TrainingError('INVALID_DATA', `A batch predicts nothing: it has no ${need}`);
  return { positions: Int32Array.from(positions), labels: Int32Array.from(labels) };
}
