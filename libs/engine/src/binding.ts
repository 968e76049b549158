import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { EngineError } from './error.ts';

/** The part of the tfjs-node addon's interface that running a SavedModel takes. */
export interface TensorflowBinding {
  readonly TF_Version: string;
  readonly TF_FLOAT: number;
  readonly TF_INT32: number;
  createTensor(shape: readonly number[], dtype: number, data: Float32Array | Int32Array): number;
  deleteTensor(tensorId: number): void;
  tensorDataSync(tensorId: number): Float32Array | Int32Array;
  loadSavedModel(folder: string, tags: string): number;
  deleteSavedModel(sessionId: number): void;
  runSavedModel(
    sessionId: number,
    tensorIds: readonly number[],
    feeds: string,
    fetches: string,
  ): { id: number; shape: number[]; dtype: number }[];
  isUsingGpuDevice(): boolean;
}

/** Which build of TensorFlow to load. */
export type TensorflowBuild = 'cpu' | 'gpu';

/** The build that `PEMMICAN_TENSORFLOW` names, as the services read it: `cpu` unless it is `gpu`. */
export function environmentBuild(): TensorflowBuild {
  return process.env['PEMMICAN_TENSORFLOW'] === 'gpu' ? 'gpu' : 'cpu';
}

const PACKAGES: Readonly<Record<TensorflowBuild, string>> = {
  cpu: '@tensorflow/tfjs-node',
  gpu: '@tensorflow/tfjs-node-gpu',
};

/** Path of the addon of a build, or undefined where the set-up has not made it. */
export function findAddon(build: TensorflowBuild): string | undefined {
  const require = createRequire(import.meta.url);
  let packageFile: string;
  try {
    packageFile = require.resolve(`${PACKAGES[build]}/package.json`);
  } catch {
    return undefined;
  }
  const addon = path.join(path.dirname(packageFile), 'lib/napi-v8/tfjs_binding.node');
  return existsSync(addon) ? addon : undefined;
}

let loaded: { readonly build: TensorflowBuild; readonly binding: TensorflowBinding } | undefined;

/**
 * Loads the addon of `@tensorflow/tfjs-node` itself, without the JavaScript around it: that brings all of tfjs into the
 * process (its eager kernels and autodiff) for nothing that a SavedModel needs.
 * @throws EngineError UNAVAILABLE when the set-up is missing
 */
export function loadBinding(build: TensorflowBuild): TensorflowBinding {
  if (loaded !== undefined) {
    if (loaded.build !== build)
      throw new EngineError(
        'INVALID_ARGUMENT',
        `This process has loaded TensorFlow for ${loaded.build} already, not for ${build}`,
      );
    return loaded.binding;
  }
  const addon = findAddon(build);
  if (addon === undefined) {
    throw new EngineError(
      'UNAVAILABLE',
      `TensorFlow for ${build} is not set up; run \`npm run setup${build === 'gpu' ? ' -- --gpu' : ''}\``,
    );
  }
  // The library reads these once, when it loads; without it each session prints how it was read.
  process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '2';
  // oneDNN's matrix products, which TensorFlow takes by itself only where there is AVX-512; with AVX2 alone a step of MiniLM
  // takes 20 % less time by them.
  process.env['TF_ENABLE_ONEDNN_OPTS'] ??= '1';
  try {
    const binding = createRequire(import.meta.url)(addon) as TensorflowBinding;
    loaded = { build, binding };
    return binding;
  } catch (cause) {
    throw new EngineError(
      'UNAVAILABLE',
      `Cannot load TensorFlow from ${addon}: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
}
