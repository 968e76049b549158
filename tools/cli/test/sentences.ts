import { readFileSync } from 'node:fs';
import path from 'node:path';
import { ensureAsset } from '@pemmican/setup';

/** Words of real sentences, articles and what follows them tagged, as lines of JSONL, `{"tokens": ..., "ner_tags": ...}`. */
export async function taggedLines(): Promise<string[]> {
  return (await sentenceLines()).map((line) => {
    const tokens = (JSON.parse(line) as { text: string }).text.split(/\s+/).filter((word) => word !== '');
    const isArticle = (word = ''): boolean => /^(?:the|a|an|this)$/i.test(word);
    const tags = tokens.map((word, index) => {
      if (isArticle(word)) return 'B-THING';
      return isArticle(tokens[index - 1]) ? 'I-THING' : 'O';
    });
    return `${JSON.stringify({ tokens, ner_tags: tags })}\n`;
  });
}

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
