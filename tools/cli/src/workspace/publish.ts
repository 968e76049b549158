import { readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';

import { syncFolder } from './write-file.ts';

const WEIGHT_FILE = /^(?:model|pytorch_model|adapter_model).*\.(?:safetensors|bin)(?:\.index\.json)?$/;
const WEIGHT_INDEX = /\.index\.json$/;

/** Makes an adapter of the folder that it lies in. */
const ADAPTER_CONFIG = 'adapter_config.json';

/** Files of a run's folder that are no part of a model. */
const NOT_OF_A_MODEL = /^(?:checkpoint-\d+|metrics\.jsonl|trainer_state\.json|optimizer\.safetensors)$/;

/**
 * Removes the weights of an earlier model. From here to the last move of {@link moveModel} the output has no weights:
 * whoever looks at it in between, or after a crash, finds no model and not a mixture of two.
 */
export async function removeWeights(output: string): Promise<void> {
  for (const name of await readdir(output)) {
    if (WEIGHT_FILE.test(name) || name === ADAPTER_CONFIG) await rm(path.join(output, name), { force: true });
  }
  await syncFolder(output);
}

/** Moves a whole model folder's files, weights last. Repeating the call goes on where an earlier one was cut off. */
export async function moveModel(source: string, output: string): Promise<void> {
  const names = (await readdir(source)).filter((name) => !NOT_OF_A_MODEL.test(name) && !name.startsWith('.'));
  const weights = names.filter((name) => WEIGHT_FILE.test(name));
  const others = names.filter((name) => !weights.includes(name));
  // An index names its shards, so it comes after them.
  const shards = weights.filter((name) => !WEIGHT_INDEX.test(name));
  const indexes = weights.filter((name) => WEIGHT_INDEX.test(name));
  for (const name of others) await move(source, output, name);
  await syncFolder(output);
  for (const name of [...shards, ...indexes]) await move(source, output, name);
  await syncFolder(output);
}

async function move(source: string, output: string, name: string): Promise<void> {
  const target = path.join(output, name);
  try {
    await rename(path.join(source, name), target);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // A folder of the same name is in the way of a folder: `rename` only replaces empty ones.
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
    await rm(target, { recursive: true, force: true });
    await rename(path.join(source, name), target);
  }
}
