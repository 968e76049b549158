import type { RunSpec } from '@pemmican/contract/trainer';
import { ModelConfig } from '@pemmican/embedding';
import {
  ADAPTER_CONFIG_FILE_NAME,
  ADAPTER_WEIGHTS_FILE_NAME,
  adapterConfig,
  adapterTensorName,
  type LoraOptions,
  type Model,
  type Task,
} from '@pemmican/models';
import type { FolderReader } from '@pemmican/safetensors';
import { StorageError, artifactName, openFolder, parseLocation, type HubOptions } from '@pemmican/storage';
import { WEIGHTS_FILE_NAME, type CompanionFiles, type TrainingProgram, type WeightsFile } from '@pemmican/training';
import { TOKEN_ID_MAP_FILE_NAME } from '@pemmican/vocabulary';
import { readModelConfig } from '../model-config.ts';
import { PreconditionError } from '../precondition-error.ts';
import type { PreparedData } from './prepared-data.ts';
import type { PreparedModel } from './prepared-model.ts';
import { trainedConfig } from './trained-config.ts';

/** What a run's checkpoints and its trained model are made of, beside a checkpoint's optimizer and state. */
export interface TrainedOutput {
  readonly weightsFile: WeightsFile;
  readonly companions: CompanionFiles;
}

/** A whole model, in the tensor names of the one that it came from. */
export async function wholeModelOutput(
  prepared: PreparedModel,
  data: PreparedData,
  task: Task,
  program: TrainingProgram,
  tensorNames: readonly string[],
): Promise<TrainedOutput> {
  return {
    weightsFile: {
      fileName: WEIGHTS_FILE_NAME,
      tensors: program.parameters.map((parameter, index) => ({
        name: tensorNames[index] ?? parameter.spec.name,
        parameter,
      })),
    },
    companions: [await configFile(prepared.folder, trainedConfig(prepared, data, task)), ...commonFiles(prepared)],
  };
}

/**
 * A PEFT adapter: what was trained and nothing else, embedding rows by the token ids of its base. Its config.json is that of
 * the base model with the trained labels; PEFT does not read it.
 * @param base the model without adapters
 */
export async function adapterOutput(
  of: { prepared: PreparedModel; data: PreparedData; task: Task; base: Model; lora: LoraOptions },
  program: TrainingProgram,
  spec: RunSpec,
  hub: HubOptions,
): Promise<TrainedOutput> {
  const { prepared, data, task, base, lora } = of;
  const baseModelUri = spec.options?.lora?.baseModelUri ?? '';
  const modelUri = baseModelUri === '' ? spec.modelUri : baseModelUri;
  const location = parseLocation(modelUri);
  const folder = baseModelUri === '' ? prepared.folder : await openFolder(baseModelUri, { hub });
  const config = baseModelUri === '' ? prepared.config : await readConfig(folder);
  const baseModelName = location.kind === 'hub' ? location.repository : artifactName(modelUri);
  const run = {
    task,
    labelCount: data.labelCount,
    baseModelName,
    ...(lora.trainsEmbeddings ? { tokenIds: tokenIdsIn(folder.name, config, prepared) } : {}),
  };
  const revision = location.kind === 'hub' ? { revision: location.revision } : {};
  return {
    weightsFile: {
      fileName: ADAPTER_WEIGHTS_FILE_NAME,
      tensors: program.trainedParameters.map((parameter) => ({
        name: adapterTensorName(parameter.spec, lora),
        parameter,
      })),
    },
    companions: [
      jsonFile(ADAPTER_CONFIG_FILE_NAME, { ...adapterConfig(base, lora, run), ...revision }),
      await configFile(folder, trainedConfig({ ...prepared, config }, data, task)),
      ...commonFiles(prepared),
    ],
  };
}

/**
 * The token id of each trained row in the model that an adapter is for: that which is trained, or the one that was reduced.
 * @throws PreconditionError VOCAB_SIZE_MISMATCH for any other
 */
function tokenIdsIn(
  baseName: string,
  { vocab_size: vocabSize }: Readonly<Record<string, unknown>>,
  { reduction, vocabRows }: PreparedModel,
): Uint32Array {
  if (vocabSize === vocabRows) return Uint32Array.from({ length: vocabRows }, (_, row) => row);
  if (reduction !== undefined && vocabSize === reduction.map.fullVocabSize) return reduction.map.keptTokenIds;
  throw new PreconditionError(
    'VOCAB_SIZE_MISMATCH',
    `${baseName}: has a vocab_size of ${String(vocabSize)}, and the rows that are trained are those of a model with ${reduction?.map.fullVocabSize ?? vocabRows}`,
  );
}

/** Linear maps with an adapter among what a program trains. */
export function adaptedModuleCount(program: TrainingProgram): number {
  return program.trainedParameters.filter(({ spec }) => spec.name.endsWith('.lora_A.weight')).length;
}

async function readConfig(folder: FolderReader): Promise<Readonly<Record<string, unknown>>> {
  const config = await readModelConfig(folder);
  if (typeof config !== 'object' || config === null)
    throw new StorageError('NOT_FOUND', `${folder.name}/config.json`, 'there is no such file');
  return config as Record<string, unknown>;
}

function commonFiles(prepared: PreparedModel): CompanionFiles {
  const { reduction, tokenizerFiles } = prepared;
  return [
    ...tokenizerFiles,
    ...(reduction === undefined ? [] : [{ fileName: TOKEN_ID_MAP_FILE_NAME, bytes: reduction.manifestBytes }]),
  ];
}

/** A folder's config.json with what training changed. Numbers stay as they are written: transformers takes no 1 for 1.0. */
async function configFile(
  folder: FolderReader,
  trained: Readonly<Record<string, unknown>>,
): Promise<CompanionFiles[number]> {
  const config = await ModelConfig.read(folder);
  const changes: Record<string, unknown> = Object.fromEntries(
    Object.entries(trained).filter(([field, value]) => JSON.stringify(value) !== JSON.stringify(config.get(field))),
  );
  for (const field of config.fieldNames) if (!Object.hasOwn(trained, field)) changes[field] = undefined;
  return { fileName: 'config.json', bytes: config.with(changes).encode() };
}

function jsonFile(fileName: string, value: unknown): CompanionFiles[number] {
  return { fileName, bytes: new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`) };
}
