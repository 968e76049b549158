import { readFileSync } from 'node:fs';
import path from 'node:path';
import { reduceCheckpoint } from '@pemmican/embedding';
import { createFolder, openFolder } from '@pemmican/storage';
import type { TokenIdMap } from '@pemmican/vocabulary';

/** What config.json says of the embedding matrix. */
export interface EmbeddingConfig {
  readonly vocab_size: number;
  readonly hidden_size: number;
  readonly pad_token_id?: number | null;
}

export function readEmbeddingConfig(folder: string): EmbeddingConfig {
  return JSON.parse(readFileSync(path.join(folder, 'config.json'), 'utf8')) as EmbeddingConfig;
}

/** Writes the model of the rows that a map keeps. */
export async function reduceModel(fullFolder: string, tokenIdMap: TokenIdMap, reducedFolder: string): Promise<void> {
  await reduceCheckpoint({
    source: await openFolder(fullFolder),
    tokenIdMap,
    destination: await createFolder(reducedFolder),
    pemmicanVersion: '0.1.0',
  });
}
