/**
 * `node tools/setup/src/main.ts VERB`: sets up parts one by one.
 * @module
 */
import { environmentBuild } from '@pemmican/engine';
import { ASSET_NAMES, ASSETS, DEFAULT_ASSET_NAMES, type AssetName } from './asset-list.ts';
import { ensureAsset, requireAssetName } from './assets.ts';
import { DATA_ASSET_NAMES } from './data/asset-list.ts';
import { SetupError } from './error.ts';
import { KUBERNETES_ASSET_NAMES } from './kubernetes/asset-list.ts';
import { OPTIONAL_MODEL_ASSET_NAMES } from './optional-models.ts';
import { ensurePythonEnvironment } from './python-environment.ts';
import { ensureTensorflow } from './tensorflow.ts';
import { TEST_TOKENIZER_ASSET_NAMES, TOKENIZER_ASSET_NAMES } from './tokenizers/asset-list.ts';

const USAGE = `usage: node tools/setup/src/main.ts VERB
  tensorflow [--gpu]   TensorFlow for the CPU, or the CUDA build for GPUs
  assets [NAME...]     models and data: ${DEFAULT_ASSET_NAMES.join(', ')} (all of these without a name);
                       more models: ${OPTIONAL_MODEL_ASSET_NAMES.join(', ')} (every model: models)
                       tokenizers of other models: ${TOKENIZER_ASSET_NAMES.join(', ')} (all of these: tokenizers)
                       labelled text of the benchmarks: ${DATA_ASSET_NAMES.join(', ')} (all of these: data)
                       of the chart's tests: ${KUBERNETES_ASSET_NAMES.join(', ')}
  python               the Python environment of the oracle tests and benchmarks
  all [--gpu]          what the demo takes
  demo [OPTIONS]       what \`pemmican demo OPTIONS\` takes
  test                 what the tests take
  doctor               what was found, as JSON`;

const DEMO_ASSETS: readonly AssetName[] = ['all-MiniLM-L6-v2', 'sentiment'];
const options = { onProgress: (line: string): void => console.error(`setup: ${line}`) };

async function ensureAssets(names: readonly AssetName[]): Promise<void> {
  for (const name of names) await ensureAsset(name, options);
}

/** What a word after `assets` means: one asset, or the group of all models, data or tokenizers. */
function namedAssets(word: string): readonly AssetName[] {
  if (word === 'models' || word === 'data')
    return ASSET_NAMES.filter((name) => ASSETS[name].place.startsWith(`${word}/`));
  return word === 'tokenizers' ? TOKENIZER_ASSET_NAMES : [requireAssetName(word)];
}

/** The assets that the demo's own options name; its other options are not ours to read. */
function demoAssets(args: readonly string[]): readonly AssetName[] {
  const index = args.findIndex((arg) => arg === '--model' || arg.startsWith('--model='));
  const named = args[index]?.split('=')[1] ?? args[index + 1];
  const model = index < 0 ? undefined : DEFAULT_ASSET_NAMES.find((name) => name === named);
  return model === undefined ? DEMO_ASSETS : [model, 'sentiment'];
}

async function main(verb: string | undefined, args: readonly string[]): Promise<void> {
  // The trainer's own variable: who sets it for the demo wants that build.
  const device = args.includes('--gpu') ? 'gpu' : environmentBuild();
  switch (verb) {
    case 'tensorflow':
      return ensureTensorflow(device, options);
    case 'assets':
      return ensureAssets(args.length === 0 ? DEFAULT_ASSET_NAMES : args.flatMap(namedAssets));
    case 'python':
      return void (await ensurePythonEnvironment(options));
    case 'all':
      await ensureTensorflow(device, options);
      await ensureAssets(DEMO_ASSETS);
      return options.onProgress(`TensorFlow for ${device}, ${DEMO_ASSETS.join(' and ')} are there`);
    case 'demo':
      await ensureTensorflow(device, options);
      return ensureAssets(demoAssets(args));
    case 'test':
      await ensureTensorflow('cpu', options);
      await ensureAssets([
        ...DEFAULT_ASSET_NAMES,
        ...TEST_TOKENIZER_ASSET_NAMES,
        'SmolLM2-135M-Instruct',
        ...KUBERNETES_ASSET_NAMES,
      ]);
      return void (await ensurePythonEnvironment(options));
    case 'doctor':
      return console.log(JSON.stringify(await (await import('./doctor.ts')).collectDoctorReport(), undefined, 2));
    default:
      console.error(verb === undefined ? USAGE : `setup: there is no verb "${verb}"\n${USAGE}`);
      process.exitCode = 2;
  }
}

try {
  const [verb, ...args] = process.argv.slice(2);
  await main(verb, args);
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(`setup: ${error.message}`);
  process.exitCode = error.code === 'UNKNOWN_ASSET' ? 2 : 1;
}
