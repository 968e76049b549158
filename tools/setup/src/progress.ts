/** Options of every part of the set-up. */
export interface SetupOptions {
  /** Is told what was done, one calm line at a time; nothing is said where nothing had to be done. */
  readonly onProgress?: (line: string) => void;
}

/** Bytes as people say them: `273.8 MB` (10^6 bytes). */
export function formatBytes(bytes: number): string {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(2)} GB`;
  return bytes >= 1e6 ? `${(bytes / 1e6).toFixed(1)} MB` : `${Math.ceil(bytes / 1e3)} kB`;
}

/** Seconds since a `performance.now()`: `4.1 s`. */
export function secondsSince(beginMs: number): string {
  return `${((performance.now() - beginMs) / 1000).toFixed(1)} s`;
}
