// What transformers made of conversations, prompts and texts (tools/oracles/src/sequences/make_fixtures.py), and its tokenizers.
import { existsSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { DatasetRecord, Message } from '@pemmican/dataset';
import { Tokenizer } from '@pemmican/tokenizer';
import { findChatTemplate, type ChatTemplate } from '../src/mod.ts';

const cache = new URL('../../../.cache/', import.meta.url);

export function fixture(name: string): unknown {
  return JSON.parse(gunzipSync(readFileSync(new URL(`../fixtures/${name}.json.gz`, import.meta.url))).toString());
}

/** For a test's `skip`: why it cannot run, or false. */
export function skipWithout(folder: string): string | false {
  return existsSync(new URL(`${folder}/tokenizer.json`, cache)) ? false : `${folder} is not set up`;
}

function configOf(folder: string): unknown {
  return JSON.parse(readFileSync(new URL(`${folder}/tokenizer_config.json`, cache), 'utf8'));
}

const tokenizers = new Map<string, Tokenizer>();

export function openTokenizer(folder: string): Tokenizer {
  const known = tokenizers.get(folder);
  if (known !== undefined) return known;
  const bytes = readFileSync(new URL(`${folder}/tokenizer.json`, cache));
  const tokenizer = Tokenizer.fromJson(bytes, { fileName: 'tokenizer.json', config: configOf(folder) });
  tokenizers.set(folder, tokenizer);
  return tokenizer;
}

/** The folder's own template, or another one with its special tokens. */
export function openTemplate(folder: string, given?: string): ChatTemplate {
  const config = configOf(folder);
  return findChatTemplate({ folderName: folder, config, ...(given === undefined ? {} : { given }) });
}

/** Records as a file has them. */
export async function* recordsOf(fields: readonly Partial<DatasetRecord>[]): AsyncGenerator<DatasetRecord> {
  for (const [index, record] of fields.entries()) yield { index, row: index + 1, text: '', ...record };
}

export async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const collected: Item[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}

/** Conversations of `[role, content]` pairs. */
export function say(...turns: readonly (readonly [role: Message['role'], content: string])[]): Message[] {
  return turns.map(([role, content]) => ({ role, content }));
}
