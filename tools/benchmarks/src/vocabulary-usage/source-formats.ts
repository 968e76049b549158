/**
 * Records out of the files of packages that have formats of their own; each function takes a file's text.
 * @module
 */
import type { LabelledRecord } from './record.ts';

/** WordNet's `data.*` (wndb(5WN)): a synset's gloss, labelled with its lexicographer file's number. */
export function* glosses(text: string): Generator<LabelledRecord> {
  for (const line of text.split('\n')) {
    // The licence at the top is indented.
    if (line.startsWith(' ')) continue;
    const [synset, gloss] = line.split(' | ');
    const label = synset?.split(' ')[1];
    if (gloss !== undefined && label !== undefined) yield { text: gloss.trim(), label };
  }
}

/** A mail of SpamAssassin's corpus without its header, which tells the label by itself; undefined for an empty one. */
export function mail(json: string, label: string): LabelledRecord | undefined {
  const { text } = JSON.parse(json) as { readonly text: string };
  const begin = text.indexOf('\n\n');
  const body = begin < 0 ? '' : text.slice(begin + 2).trim();
  return body === '' ? undefined : { text: body, label };
}

/** Sentences of the Brown corpus in its tagged form, `word/tag` by white space, one sentence a line. */
export function* taggedSentences(text: string): Generator<LabelledRecord> {
  for (const line of text.split('\n')) {
    const tokens: string[] = [];
    const tags: string[] = [];
    for (const item of line.split(/\s+/)) {
      const slash = item.lastIndexOf('/');
      if (slash <= 0) continue;
      tokens.push(item.slice(0, slash));
      tags.push(item.slice(slash + 1));
    }
    if (tokens.length > 0) yield { tokens, ner_tags: tags };
  }
}

/** Utterances of a CHAT transcript: a speaker's line of words, and the line `%mor` with a tag and a reading a word. */
export function* utterances(text: string): Generator<LabelledRecord> {
  // A tab at the beginning goes on with the line before.
  let tokens: string[] | undefined;
  for (const line of text.replace(/\n\t/g, ' ').split('\n')) {
    const [head = '', rest = ''] = line.split('\t');
    const items = rest.split(' ').filter((item) => item !== '');
    if (head.startsWith('*')) tokens = items;
    else if (head === '%mor:' && tokens !== undefined) {
      const tags = items.map((item) => item.split('|')[0] ?? item);
      if (tags.length === tokens.length && tags.length > 0) yield { tokens, ner_tags: tags };
      tokens = undefined;
    }
  }
}

interface Chapter {
  readonly verses: readonly { readonly text: string; readonly translation: string }[];
}

/** Verses of a translation, each as a pair with the Arabic original. */
export function* verses(json: string, language: string): Generator<LabelledRecord> {
  for (const chapter of JSON.parse(json) as readonly Chapter[])
    for (const { text, translation } of chapter.verses) yield { text: translation, text_pair: text, label: language };
}

/** HumanEval's problems, each as a pair with its solution. */
export function* problems(jsonLines: string): Generator<LabelledRecord> {
  for (const line of jsonLines.split('\n')) {
    if (line === '') continue;
    const problem = JSON.parse(line) as Readonly<Record<'prompt' | 'canonical_solution' | 'entry_point', string>>;
    yield { text: problem.prompt, text_pair: problem.canonical_solution, label: problem.entry_point };
  }
}
