import type { GraphSession, VariablePort } from '@pemmican/graph';
import { SafetensorsFile, writeSafetensors, type FolderReader, type FolderWriter } from '@pemmican/safetensors';
import { toFloat32 } from '@pemmican/safetensors';
import { TrainingError } from './error.ts';
import type { EvaluationResult } from './evaluation.ts';
import { loadVariables, variableEntries, type VariableSource } from './parameter-transfer.ts';
import type { ProgramParameter, TrainedParameter } from './training-program.ts';

export const TRAINER_STATE_FILE_NAME = 'trainer_state.json';
export const OPTIMIZER_FILE_NAME = 'optimizer.safetensors';
export const WEIGHTS_FILE_NAME = 'model.safetensors';

/** The file in which a checkpoint keeps weights. What it does not have is as the model folder gave it. */
export interface WeightsFile {
  readonly fileName: string;
  readonly tensors: readonly { readonly name: string; readonly parameter: ProgramParameter }[];
}

// A state has a few dozen fields; anything larger is another file.
const MAX_STATE_LENGTH_BYTES = 1_000_000;

/** An evaluation with its place in the run. */
export interface EvaluationEntry {
  readonly step: number;
  readonly epoch: number;
  readonly result: EvaluationResult;
  readonly elapsedMs: number;
}

/** What a run needs, beside weights and moments, to go on as if it had never stopped. */
export interface TrainerState {
  readonly formatVersion: 1;
  /** Optimizer steps done. Data position, shuffling and dropout are pure functions of it and the seed. */
  readonly step: number;
  readonly totalSteps: number;
  readonly epoch: number;
  /** What must be equal for the continuation to be the same run; see {@link fingerprintOf}. */
  readonly fingerprint: Readonly<Record<string, string | number | boolean>>;
  readonly bestMetric: number | null;
  readonly bestStep: number | null;
  readonly unusedRowDecayFactor: number;
  readonly trainedTokenCount: number;
  readonly lastLoss: number | null;
  /** Every evaluation so far, in order. */
  readonly evaluations: readonly EvaluationEntry[];
}

/** Files that travel with weights unchanged: config, tokenizer, token id map. */
export type CompanionFiles = readonly { readonly fileName: string; readonly bytes: Uint8Array }[];

/** Writes the weights in the names that they have there, and the companion files. */
export async function writeModelFiles(
  folder: FolderWriter,
  session: GraphSession,
  weightsFile: WeightsFile,
  companions: CompanionFiles,
): Promise<void> {
  for (const { fileName, bytes } of companions) await folder.write(fileName, (sink) => sink.write(bytes));
  const weights = weightsFile.tensors.map(({ name, parameter: { spec, weight } }) => ({
    name,
    port: weight,
    shape: spec.shape,
  }));
  const entries = variableEntries(session, weights);
  await folder.write(weightsFile.fileName, (sink) => writeSafetensors(sink, entries, { format: 'pt' }));
}

/** Writes a checkpoint: model files, moments of what is trained, state. It exists only after `commit`. */
export async function writeCheckpoint(
  folder: FolderWriter,
  session: GraphSession,
  trainedParameters: readonly TrainedParameter[],
  weightsFile: WeightsFile,
  companions: CompanionFiles,
  state: TrainerState,
): Promise<void> {
  try {
    await writeModelFiles(folder, session, weightsFile, companions);
    const moments = trainedParameters.flatMap(({ spec: { name, shape }, moment1, moment2 }) => [
      { name: `moment1.${name}`, port: moment1, shape },
      { name: `moment2.${name}`, port: moment2, shape },
    ]);
    const entries = variableEntries(session, moments);
    await folder.write(OPTIMIZER_FILE_NAME, (sink) => writeSafetensors(sink, entries));
    await folder.write(TRAINER_STATE_FILE_NAME, (sink) =>
      sink.write(new TextEncoder().encode(`${JSON.stringify(state, null, 2)}\n`)),
    );
    await folder.commit();
  } catch (error) {
    await folder.abort();
    throw error;
  }
}

/**
 * Reads and checks a checkpoint's state.
 * @throws TrainingError INVALID_CHECKPOINT
 */
export async function readTrainerState(folder: FolderReader): Promise<TrainerState> {
  const source = await folder.open(TRAINER_STATE_FILE_NAME);
  if (source === undefined)
    throw new TrainingError(
      'INVALID_CHECKPOINT',
      `${folder.name}: has no ${TRAINER_STATE_FILE_NAME}, so it is no checkpoint of a run`,
    );
  if (source.sizeBytes > MAX_STATE_LENGTH_BYTES)
    throw new TrainingError(
      'INVALID_CHECKPOINT',
      `${source.name}: ${source.sizeBytes} bytes are over the limit of ${MAX_STATE_LENGTH_BYTES}`,
    );
  const bytes = new Uint8Array(source.sizeBytes);
  await source.read(0, bytes);
  await source.close();
  let state: unknown;
  try {
    state = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new TrainingError('INVALID_CHECKPOINT', `${source.name}: is not valid JSON`, { cause });
  }
  if (!isTrainerState(state))
    throw new TrainingError('INVALID_CHECKPOINT', `${source.name}: is not a trainer state of format version 1`);
  return state;
}

function isTrainerState(value: unknown): value is TrainerState {
  if (typeof value !== 'object' || value === null) return false;
  const state = value as Record<string, unknown>;
  const isNumber = (field: string): boolean => typeof state[field] === 'number' && Number.isFinite(state[field]);
  const isNumberOrNull = (field: string): boolean => state[field] === null || isNumber(field);
  return (
    state['formatVersion'] === 1 &&
    ['step', 'totalSteps', 'epoch', 'unusedRowDecayFactor', 'trainedTokenCount'].every(isNumber) &&
    Number.isInteger(state['step']) &&
    ['bestMetric', 'bestStep', 'lastLoss'].every(isNumberOrNull) &&
    Array.isArray(state['evaluations']) &&
    typeof state['fingerprint'] === 'object' &&
    state['fingerprint'] !== null
  );
}

/**
 * Refuses to go on with another run's checkpoint: every field that the continuation depends on has to be equal.
 * @throws TrainingError CHECKPOINT_MISMATCH that names the fields with both values
 */
export function checkFingerprint(
  checkpointName: string,
  expected: TrainerState['fingerprint'],
  actual: TrainerState['fingerprint'],
): void {
  const fields = [...new Set([...Object.keys(expected), ...Object.keys(actual)])].sort();
  const differences = fields
    .filter((field) => expected[field] !== actual[field])
    .map((field) => `${field} is ${String(actual[field])} in the checkpoint, ${String(expected[field])} in this run`);
  if (differences.length > 0)
    throw new TrainingError(
      'CHECKPOINT_MISMATCH',
      `${checkpointName}: belongs to another run: ${differences.join('; ')}`,
    );
}

/** Puts a checkpoint's weights and moments into the session. */
export async function loadCheckpoint(
  folder: FolderReader,
  session: GraphSession,
  trainedParameters: readonly TrainedParameter[],
  weightsFile: WeightsFile,
): Promise<void> {
  const files: SafetensorsFile[] = [];
  const open = async (fileName: string): Promise<SafetensorsFile> => {
    const source = await folder.open(fileName);
    if (source === undefined) throw new TrainingError('INVALID_CHECKPOINT', `${folder.name}: has no ${fileName}`);
    const file = await SafetensorsFile.open(source);
    files.push(file);
    return file;
  };
  try {
    const weights = await open(weightsFile.fileName);
    const moments = await open(OPTIMIZER_FILE_NAME);
    const source = (
      reader: SafetensorsFile,
      tensorName: string,
      port: VariablePort,
      shape: readonly number[],
    ): VariableSource => {
      const info = reader.get(tensorName);
      if (info.shape.join() !== shape.join() || info.dtype !== 'F32') {
        throw new TrainingError(
          'INVALID_CHECKPOINT',
          `${folder.name}: tensor "${tensorName}" is ${info.dtype} [${info.shape.join(', ')}], the run has F32 [${shape.join(', ')}]`,
        );
      }
      const rowBytes = info.lengthBytes / (shape[0] ?? 1);
      const readRows: VariableSource['readRows'] = async ({ firstRow, rowCount }) => {
        const bytes = new Uint8Array(rowBytes * rowCount);
        await reader.readRange(tensorName, firstRow * rowBytes, bytes);
        return toFloat32('F32', bytes);
      };
      return { port, shape, readRows };
    };
    // One kind after the other: staging takes as much again as what is loaded at a time.
    await loadVariables(
      session,
      weightsFile.tensors.map(({ name, parameter: { spec, weight } }) => source(weights, name, weight, spec.shape)),
    );
    await loadVariables(
      session,
      trainedParameters.map(({ spec, moment1 }) => source(moments, `moment1.${spec.name}`, moment1, spec.shape)),
    );
    await loadVariables(
      session,
      trainedParameters.map(({ spec, moment2 }) => source(moments, `moment2.${spec.name}`, moment2, spec.shape)),
    );
  } finally {
    for (const file of files) await file.source.close();
  }
}
