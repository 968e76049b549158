import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { writeSafetensors, type TensorEntry } from '@pemmican/safetensors';
import { createFileSink } from '@pemmican/storage';

/** Writes `model.safetensors` and JSON files of a Hugging Face folder. */
export async function writeModelFolder(
  folder: string,
  tensors: TensorEntry[],
  files: Readonly<Record<string, unknown>>,
): Promise<void> {
  const sink = await createFileSink(path.join(folder, 'model.safetensors'));
  try {
    await writeSafetensors(sink, tensors, { format: 'pt' });
    await sink.finish();
  } finally {
    await sink.discard();
  }
  for (const [name, value] of Object.entries(files)) {
    // A tokenizer.json is large enough without indentation.
    const text = JSON.stringify(value, undefined, name === 'tokenizer.json' ? undefined : 1);
    await writeFile(path.join(folder, name), text);
  }
}
