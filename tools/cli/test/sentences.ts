import { readFileSync } from 'node:fs';
import path from 'node:path';
import { ensureAsset } from '@pemmican/setup';

/** Real sentences with a class as lines of JSONL, `{"text": ..., "label": ...}`; those without a class are left out. */
export async function sentenceLines(): Promise<string[]> {
  const sentences = JSON.parse(readFileSync(path.join(await ensureAsset('sentiment'), 'amazon.json'), 'utf8')) as {
    text: string;
    class: number | null;
  }[];
  return sentences
    .filter((row) => row.class !== null)
    .map((row) => `${JSON.stringify({ text: row.text, label: row.class })}\n`);
}
