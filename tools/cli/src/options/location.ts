import path from 'node:path';

const SCHEME = /^[a-z][a-z0-9+.-]*:/i;

/** Whether a location is a URI (`file:`, `hf:`, `s3:`) and not a path. */
export function isUri(location: string): boolean {
  return SCHEME.test(location);
}

/** Whether a location is in a bucket. */
export function isS3(location: string): boolean {
  return /^s3:\/\//i.test(location);
}

/** The name of a file in a folder that is a path or a URI. */
export function fileIn(folder: string, fileName: string): string {
  return isS3(folder) ? `${folder.replace(/\/$/, '')}/${fileName}` : path.join(folder, fileName);
}

/** What a service is told: a URI as it is, a path made absolute. */
export function toServiceLocation(location: string): string {
  return isUri(location) ? location : path.resolve(location);
}
