import { DatasetSpec, RecordKind } from '@pemmican/contract/vocabulary';
import type {
  Analysis,
  AnalysisSpec,
  CreateAnalysisFromRecordsRequest,
  CreateAnalysisFromRecordsResponse,
} from '@pemmican/contract/vocabulary';
import { invalidArgument } from '@pemmican/rpc';
import { RecordSpool } from './record-spool.ts';

const TEXT_COLUMN = 'text';
const TEXT_PAIR_COLUMN = 'text_pair';

export interface RecordIntake {
  readonly spoolFolder: string;
  readonly maxUploadBytes: number;
  readonly signal: AbortSignal;
  /** Starts an analysis of files. */
  readonly createAnalysis: (spec: AnalysisSpec) => Promise<Analysis>;
}

/** Writes the records of a stream down and starts their analysis. */
export async function createFromRecords(
  requests: AsyncIterable<CreateAnalysisFromRecordsRequest>,
  intake: RecordIntake,
): Promise<CreateAnalysisFromRecordsResponse> {
  const spool = await RecordSpool.create(intake.spoolFolder, intake.maxUploadBytes);
  try {
    let spec: AnalysisSpec | undefined;
    for await (const { content } of requests) {
      intake.signal.throwIfAborted();
      if (spec === undefined) spec = firstSpec(content);
      else if (content?.$case === 'batch') await spool.add(content.value);
      else throw invalid('batch', 'must be set in every message but the first');
    }
    intake.signal.throwIfAborted();
    if (spec === undefined) throw invalid('spec', 'must be set in the first message');
    if (spool.recordCount === 0) throw invalid('batch', 'no record was sent');
    const files = await spool.finish();
    const dataset = DatasetSpec.create({
      files,
      textColumn: TEXT_COLUMN,
      textPairColumn: spool.hasPairs ? TEXT_PAIR_COLUMN : '',
      labelColumn: '',
      skipInvalid: false,
      maxSequenceLength: spec.dataset?.maxSequenceLength ?? 0,
      recordKind: RecordKind.TEXT,
      blockSize: spec.dataset?.blockSize ?? 0,
    });
    return { analysis: await intake.createAnalysis({ ...spec, dataset }), recordCount: spool.recordCount };
  } catch (error) {
    await spool.abort();
    throw error;
  }
}

function firstSpec(content: CreateAnalysisFromRecordsRequest['content']): AnalysisSpec {
  if (content?.$case !== 'spec') throw invalid('spec', 'must be set in the first message');
  if ((content.value.dataset?.files.length ?? 0) > 0)
    throw invalid('spec.dataset.files', 'must be empty: the records follow in the stream');
  if (content.value.dataset?.recordKind === RecordKind.WORDS)
    throw invalid('spec.dataset.record_kind', 'must not be words: the records of the stream are texts');
  if ((content.value.dataset?.recordKind ?? RecordKind.TEXT) > RecordKind.TEXT)
    throw invalid('spec.dataset.record_kind', 'must be text: the records of the stream are texts');
  return content.value;
}

function invalid(field: string, description: string): Error {
  return invalidArgument([{ field, description }]);
}
