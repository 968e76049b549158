import type { TrainingOptions } from '@pemmican/contract/trainer';
import type { DatasetSpec } from '@pemmican/contract/vocabulary';

import type { RunOptions } from '../commands/run.ts';
import { toDatasetSpec } from '../options/dataset-spec.ts';
import { toServiceLocation } from '../options/location.ts';
import { toTrainingOptions } from '../options/training-spec.ts';
import { digestOf, fingerprintOf } from '../workspace/fingerprint.ts';

/** What a run's result depends on. */
export interface RunInputs {
  readonly model: string;
  readonly dataset: DatasetSpec;
  readonly training: TrainingOptions;
  /** What tells the model's and the data's files from others. */
  readonly files: unknown;
  /** Digest of all of it and of the options that decide which rows are kept. */
  readonly digest: string;
  /** The deciding options as `report.json` shows them. */
  readonly options: Readonly<Record<string, unknown>>;
}

/** Options that say where and how the command talks, and how it ends; they change no result. */
const NOT_DECIDING: ReadonlySet<string> = new Set([
  'json',
  'quiet',
  'color',
  'server',
  'vocabularyServer',
  'surgeryServer',
  'trainerServer',
  'tlsCa',
  'tlsCertificate',
  'tlsKey',
  'tlsServerName',
  'output',
  'overwrite',
  'resumeFromCheckpoint',
  'keepIntermediate',
  'upload',
  'memory',
  'memoryBudget',
]);

/** Gathers a run's inputs. */
export async function gatherRunInputs(options: RunOptions): Promise<RunInputs> {
  const deciding = decidingOptions(options);
  const dataset = toDatasetSpec(options);
  const model = toServiceLocation(options.model);
  const template = options.chatTemplatePath === undefined ? [] : [toServiceLocation(options.chatTemplatePath)];
  const files = await Promise.all([model, ...dataset.files.map((file) => file.uri), ...template].map(fingerprintOf));
  return {
    model,
    dataset,
    // An adapter that is trained beside the kept rows is used with all of them.
    training: toTrainingOptions(options, model),
    files,
    digest: digestOf({ deciding, files }),
    options: deciding,
  };
}

/** The options that a result depends on, as the report shows them. */
export function decidingOptions(options: object): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(options).filter(([name]) => !NOT_DECIDING.has(name)));
}
