import { DatasetError, readRecords, type ReadOptions } from '@pemmican/dataset';
import type { ByteSource } from '@pemmican/safetensors';
import { openByteSource } from '@pemmican/storage';
import type { AnalysisRequest, RequestedFile } from './messages.ts';

/** A file of records, opened and looked into. */
export interface OpenFile {
  readonly file: RequestedFile;
  readonly source: ByteSource;
  readonly options: ReadOptions;
}

/**
 * Opens the files and checks that their first records have the columns.
 * @throws StorageError, DatasetError
 */
export async function openFiles(request: AnalysisRequest): Promise<OpenFile[]> {
  const files: OpenFile[] = [];
  const sources: ByteSource[] = [];
  try {
    for (const file of request.files) {
      const source = await openByteSource(file.path);
      sources.push(source);
      files.push({ file, source, options: { ...file.options, ...(await labelOptions(source, file, request)) } });
    }
    return files;
  } catch (error) {
    await Promise.all(sources.map((source) => source.close()));
    throw error;
  }
}

export async function closeFiles(files: readonly OpenFile[]): Promise<void> {
  await Promise.all(files.map(({ source }) => source.close()));
}

/**
 * The column of labels. Rows without a label are left out of training, so their tokens must not count; but counting needs no
 * labels: a file that has no such column at all is counted whole, unless the column was named on purpose.
 */
async function labelOptions(
  source: ByteSource,
  { options }: RequestedFile,
  { labelColumn, isLabelColumnRequired, sequences }: AnalysisRequest,
): Promise<Pick<ReadOptions, 'labelColumn'>> {
  if (sequences !== undefined) {
    const failure = await firstRecordError(source, options);
    if (failure !== undefined) throw failure;
    return {};
  }
  const labelled = await firstRecordError(source, { ...options, labelColumn });
  if (labelled === undefined) return { labelColumn };
  if (labelled.code !== 'MISSING_COLUMN') throw labelled;
  const unlabelled = await firstRecordError(source, options);
  if (unlabelled !== undefined) throw unlabelled;
  if (isLabelColumnRequired) throw labelled;
  return {};
}

/** What reading the first record fails with; undefined when there is one. */
async function firstRecordError(source: ByteSource, options: ReadOptions): Promise<DatasetError | undefined> {
  try {
    for await (const _ of readRecords(source, options)) return undefined;
    return undefined;
  } catch (error) {
    if (error instanceof DatasetError) return error;
    throw error;
  }
}
