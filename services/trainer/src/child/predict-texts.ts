import type { GeneratedText, PredictRequest, PredictResponse } from '@pemmican/contract/trainer';
import { DEFAULT_MAX_TARGET_LENGTH } from '@pemmican/dataset';
import type { GraphSession } from '@pemmican/graph';
import { generate, rougeScores, type EncodedDataset } from '@pemmican/training';
import { PreconditionError } from '../precondition-error.ts';
import type { GenerationSettings } from './generation-settings.ts';
import type { PreparedModel } from './prepared-model.ts';

/** Sources, and what is known of them. */
export interface SourceTexts {
  readonly dataset: EncodedDataset;
  /** By record, what its text is compared with. */
  readonly targetTexts: readonly (string | undefined)[];
}

/**
 * What the model in the session writes of a file's sources, batch by batch in file order.
 * @param breathe called between tokens
 * @throws PreconditionError TOKEN_NOT_KEPT where a reduced model would have to read a token that it has no row for;
 *   TokenizerError UNSUPPORTED_COMPONENT
 */
export async function* predictTexts(
  session: GraphSession,
  { dataset, targetTexts }: SourceTexts,
  prepared: PreparedModel,
  settings: GenerationSettings,
  options: { readonly request: PredictRequest; readonly batchSize: number; readonly padId: number },
  breathe: () => Promise<void>,
): AsyncGenerator<PredictResponse, void, undefined> {
  const { tokenizer } = prepared;
  // A decoder that is not supported is told before anything is written.
  tokenizer.decode([]);
  const batches = generate(
    session,
    dataset,
    {
      batchSize: options.batchSize,
      padId: options.padId,
      startTokenId: settings.startTokenId,
      endTokenIds: settings.endTokenIds,
      maxNewTokens: options.request.dataset?.maxTargetLength || DEFAULT_MAX_TARGET_LENGTH,
      toInputId: (row, record) => settings.toInputRow(row) ?? refuseUnkept(prepared, settings.toFullId(row), record),
    },
    breathe,
  );
  for await (const { firstRecord, sequences } of batches) {
    const generatedTexts = sequences.map((rows, index): GeneratedText => {
      const text = tokenizer.decode(rows.map(settings.toFullId), { skipSpecialTokens: true });
      const target = targetTexts[firstRecord + index];
      return {
        text,
        tokenCount: rows.length,
        isFinished: settings.endTokenIds.has(rows.at(-1) ?? -1),
        rouge: target === undefined ? undefined : rougeScores(target, text),
      };
    });
    yield {
      firstRecordIndex: firstRecord,
      labelCount: 0,
      logits: [],
      labelNames: [],
      words: [],
      answers: [],
      windowLengths: [],
      generatedTexts,
    };
  }
}

function refuseUnkept({ folder, tokenizer }: PreparedModel, fullTokenId: number, record: number): never {
  throw new PreconditionError(
    'TOKEN_NOT_KEPT',
    `${folder.name}: of record ${record} it writes token id ${fullTokenId} (${JSON.stringify(tokenizer.idToToken(fullTokenId))}), and has no embedding row to read it by; restore the model, and predict with the full one`,
  );
}
