import { ensureDownload } from './download.ts';
import { SetupError } from './error.ts';
import { requirePython } from './find-tool.ts';
import type { SetupOptions } from './progress.ts';
import { runCommand } from './run-command.ts';

/** A file of the Python package index, named by its digest. */
export interface Wheel {
  /** Project and exact version. */
  readonly project: string;
  readonly version: string;
  /** The platform tags that pip is to accept; a wheel is only unpacked here, so this machine's Python has no say. */
  readonly platforms: readonly string[];
  /** SHA-256 of the file, in hexadecimal. */
  readonly digest: string;
  /** Size, where it is known, for the free-space check and the progress. */
  readonly sizeBytes?: number;
}

/** Puts a wheel into an empty folder. */
export type FetchWheel = (wheel: Wheel, folder: string, isCacheAllowed: boolean) => Promise<void>;

// Any wheel for this version of Python does; it has to be named, or pip looks for wheels of the Python that runs it.
const PYTHON_TAG = '3.11';

/** Downloads by pip, which knows the machine's mirrors, proxies and certificates. */
export const fetchByPip: FetchWheel = async (wheel, folder, isCacheAllowed) => {
  const { command } = await requirePython();
  const { code, output } = await runCommand(
    command,
    [
      ...['-m', 'pip', 'download', '--quiet', '--no-input', '--disable-pip-version-check', '--no-deps'],
      ...['--only-binary=:all:', '--python-version', PYTHON_TAG, '--dest', folder],
      ...wheel.platforms.flatMap((platform) => ['--platform', platform]),
      ...(isCacheAllowed ? [] : ['--no-cache-dir']),
      `${wheel.project}==${wheel.version}`,
    ],
    // pip unpacks nothing but keeps what it reads there first, on the disk whose space was checked.
    { environment: { TMPDIR: folder } },
  );
  if (code === 0) return;
  throw new SetupError(
    'DOWNLOAD_FAILED',
    `pip could not download ${wheel.project} ${wheel.version}:\n${output.trim()}`,
  );
};

/**
 * The wheel's file in the cache, downloaded if it is not there.
 * @throws SetupError DOWNLOAD_FAILED, DIGEST_MISMATCH, NO_SPACE, MISSING_TOOL
 */
export async function ensureWheel(
  wheel: Wheel,
  options: SetupOptions & { readonly fetch?: FetchWheel } = {},
): Promise<string> {
  const { project: label, version, digest, sizeBytes } = wheel;
  return ensureDownload(
    { label, version, digest, extension: '.whl', ...(sizeBytes === undefined ? {} : { sizeBytes }) },
    (folder, isCacheAllowed) => (options.fetch ?? fetchByPip)(wheel, folder, isCacheAllowed),
    options,
  );
}
