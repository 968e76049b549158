/** How models are fetched from a hub. */
export interface HubOptions {
  /** Fetched models are kept here, one folder a commit. */
  readonly cacheFolder: string;
  /** Base URL of the hub; by default Hugging Face's. */
  readonly endpoint?: string;
  readonly accessToken?: string;
  /** The hub is not asked: there is what the cache has, and nothing else. */
  readonly isOffline?: boolean;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: DownloadProgress) => void;
}

export interface DownloadProgress {
  readonly fileName: string;
  /** Bytes of all files on the disk so far, those of an earlier attempt included. */
  readonly doneBytes: number;
  readonly totalBytes: number;
}

// As huggingface_hub reads it.
const TRUE_WORD = /^(?:1|on|yes|true)$/i;

/** The hub's settings in the variables that Hugging Face's own tools read: `HF_ENDPOINT`, `HF_TOKEN`, `HF_HUB_OFFLINE`. */
export function hubOptionsFromEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
  cacheFolder: string,
): HubOptions {
  const endpoint = environment['HF_ENDPOINT']?.replace(/\/+$/, '');
  const accessToken = environment['HF_TOKEN'];
  return {
    cacheFolder,
    ...(endpoint ? { endpoint } : {}),
    ...(accessToken ? { accessToken } : {}),
    ...(TRUE_WORD.test(environment['HF_HUB_OFFLINE'] ?? '') ? { isOffline: true } : {}),
  };
}
