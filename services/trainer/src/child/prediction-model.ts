import { existsSync } from 'node:fs';
import type { GraphSession } from '@pemmican/graph';
import {
  ADAPTER_CONFIG_FILE_NAME,
  ADAPTER_TENSOR_PREFIX,
  ADAPTER_WEIGHTS_FILE_NAME,
  adapterTensorName,
  checkAdapterTensors,
  isTrainedByRows,
  parseAdapterConfig,
  resolveParameters,
  withLora,
  type Model,
  type ParameterSource,
  type ParameterSpec,
  type Task,
  type TensorReader,
} from '@pemmican/models';
import { SafetensorsFile, type FolderReader } from '@pemmican/safetensors';
import { StorageError, openFolder, readJson, type ArtifactRoots, type HubOptions } from '@pemmican/storage';
import { loadWeights, type PredictionProgram } from '@pemmican/training';
import { MAX_CONFIG_BYTES } from '../model-config.ts';
import { withAdapterRows } from './adapter-rows.ts';
import { locateParameters, prepareModel, type PreparedModel } from './prepared-model.ts';

/** A model that predicts: a whole one, or one with an adapter beside it. */
export interface PredictionModel {
  /** The whole model. */
  readonly base: PreparedModel;
  /** With the adapter, where there is one. */
  readonly model: Model;
  /** The folder's own config, which names the labels. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Labels that the head has; undefined without a head. */
  readonly headLabelCount: number | undefined;
  /** Puts the weights into a session. */
  load(session: GraphSession, program: PredictionProgram, task: Task, labelCount: number): Promise<void>;
  close(): Promise<void>;
}

/** Where models may come from. */
export interface ModelPlaces {
  readonly hub: HubOptions;
  /** An adapter names a folder that no request has named: it is held to them too. Not set: every folder. */
  readonly artifactRoots?: ArtifactRoots;
}

/**
 * @param baseModelUri model that an adapter is used with, in place of the one that it names; empty: the one that it names
 * @throws StorageError OUTSIDE_ROOTS for an adapter's base that the service may not read
 */
export async function openPredictionModel(
  modelUri: string,
  baseModelUri: string,
  places: ModelPlaces,
  task: Task,
): Promise<PredictionModel> {
  const { hub } = places;
  const folder = await openFolder(modelUri, { hub });
  const fields = await readJson(folder, ADAPTER_CONFIG_FILE_NAME, { maxBytes: MAX_CONFIG_BYTES });
  return fields === undefined
    ? wholeModel(await prepareModel(modelUri, hub, task))
    : adapted(folder, fields, baseModelUri, places, task);
}

function wholeModel(base: PreparedModel): PredictionModel {
  return {
    base,
    model: base.model,
    config: base.config,
    headLabelCount: base.headLabelCount,
    load: (session, program, task, labelCount) =>
      loadWeights(session, program.parameters, locateParameters(base, task, labelCount).sources, base.checkpoint, 0),
    close: () => base.checkpoint.close(),
  };
}

async function adapted(
  folder: FolderReader,
  fields: unknown,
  baseModelUri: string,
  { hub, artifactRoots }: ModelPlaces,
  task: Task,
): Promise<PredictionModel> {
  const { lora, baseModelName, tokenIds } = parseAdapterConfig(fields, `${folder.name}/${ADAPTER_CONFIG_FILE_NAME}`);
  const baseUri = baseModelUri === '' ? locationOf(baseModelName) : baseModelUri;
  artifactRoots?.checkRequest({ baseUri });
  const base = await prepareModel(baseUri, hub, task);
  const fileName = `${folder.name}/${ADAPTER_WEIGHTS_FILE_NAME}`;
  const source = await folder.open(ADAPTER_WEIGHTS_FILE_NAME);
  if (source === undefined) throw new StorageError('NOT_FOUND', fileName, 'there is no such file');
  const file = await SafetensorsFile.open(source);
  const reader: TensorReader = {
    name: fileName,
    has: (name) => file.tensors.has(name),
    get: (name) => file.get(name),
    readRange: (...range) => file.readRange(...range),
  };
  const model = withLora(base.model, lora);
  const head = ADAPTER_TENSOR_PREFIX + model.headWeightName(task);
  const config = await readJson(folder, 'config.json', { maxBytes: MAX_CONFIG_BYTES });
  return {
    base,
    model,
    config: typeof config === 'object' && config !== null ? (config as Record<string, unknown>) : base.config,
    headLabelCount: file.tensors.has(head) ? file.get(head).shape[0] : base.headLabelCount,
    load: async (session, program, task, labelCount) => {
      const trained = program.parameters.filter(({ spec }) => spec.isFrozen !== true);
      checkAdapterTensors(
        fileName,
        [...file.tensors.keys()],
        trained.map(({ spec }) => adapterTensorName(spec, lora)),
      );
      const whole = trained.filter(({ spec }) => !isTrainedByRows(spec, lora));
      const names = { checkpointNames: (name: string) => [ADAPTER_TENSOR_PREFIX + name] };
      const specs = whole.map(({ spec }) => spec);
      await loadWeights(session, whole, resolveParameters(names, reader, specs), reader, 0);
      const isOfBase = ({ spec }: { spec: ParameterSpec }): boolean =>
        spec.isFrozen === true || isTrainedByRows(spec, lora);
      const ofBase = locateParameters({ ...base, model }, task, labelCount).sources.filter(isOfBase);
      const weights = program.parameters.filter(isOfBase);
      const matrix = ofBase.find(({ spec }) => isTrainedByRows(spec, lora));
      const rowsOf = ({ spec, checkpointName }: ParameterSource): Promise<TensorReader> => {
        if (checkpointName === undefined || tokenIds === undefined) throw new TypeError(`No rows of "${spec.name}"`);
        const tensorName = adapterTensorName(spec, lora);
        return withAdapterRows(base, checkpointName, {
          folder,
          file,
          tensorName,
          tokenIds,
          isForBase: baseModelUri === '',
        });
      };
      const values = matrix === undefined ? base.checkpoint : await rowsOf(matrix);
      await loadWeights(session, weights, ofBase, values, 0);
    },
    close: async () => {
      await source.close();
      await base.checkpoint.close();
    },
  };
}

/** PEFT writes a folder or a hub's name without more. */
function locationOf(baseModelName: string): string {
  return existsSync(baseModelName) || !/^[\w.-]+(?:\/[\w.-]+)?$/.test(baseModelName)
    ? baseModelName
    : `hf:${baseModelName}`;
}
