import path from 'node:path';
import { withLock } from '../lock.mjs';
import { ASSET_NAMES, ASSETS, type AssetName } from './asset-list.ts';
import { cacheFolder } from './cache.ts';
import { removeAbandonedDownloads } from './download.ts';
import { SetupError } from './error.ts';
import { requireSpace } from './free-space.ts';
import { describeSource, makeAsset, type AssetOptions } from './make-asset.ts';
import { formatBytes, secondsSince } from './progress.ts';
import { isCurrent, type StampedFolder } from './stamp.ts';
import { makeWhole } from './whole-folder.ts';

// Raise it when a procedure changes what it makes.
const RECIPE_NUMBER = 1;

/** @throws SetupError UNKNOWN_ASSET */
export function requireAssetName(name: string): AssetName {
  const found = ASSET_NAMES.find((each) => each === name);
  if (found !== undefined) return found;
  throw new SetupError('UNKNOWN_ASSET', `There is no asset "${name}"; there are ${ASSET_NAMES.join(', ')}`);
}

function stampedFolder(name: AssetName): StampedFolder {
  const { place, source } = ASSETS[name];
  return {
    folder: path.join(cacheFolder(), place),
    stampFile: path.join(cacheFolder(), 'stamps', `asset-${name}.json`),
    recipe: `procedure ${RECIPE_NUMBER}; ${describeSource(source)}`,
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
      await makeAsset(asset, temporary, options);
    });
    if (isMade) report(`${name}: ${formatBytes(asset.sizeBytes)} ready in ${secondsSince(begin)}, in ${target.folder}`);
  });
  return target.folder;
}
