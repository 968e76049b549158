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

/**
 * Questions to four real sentences each, with an emoji before them, as lines of JSONL: the answer is the word after `and`.
 */
export async function questionLines(): Promise<string[]> {
  const texts = (await sentenceLines()).map((line) => (JSON.parse(line) as { text: string }).text);
  const lines: string[] = [];
  for (let first = 0; first + 4 <= texts.length; first += 4) {
    const context = `😀 ${texts.slice(first, first + 4).join(' ')}`;
    const found = /\band (\w+)/.exec(context);
    const word = found?.[1];
    if (found === null || word === undefined) continue;
    // Positions are in code points: the emoji is two UTF-16 units.
    const start = found.index + 'and '.length - 1;
    const answers = { text: [word], answer_start: [start] };
    lines.push(`${JSON.stringify({ question: '  What comes after and?', context, answers })}\n`);
  }
  return lines;
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
