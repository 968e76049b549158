import path from 'node:path';

const SCHEME = /^[a-z][a-z0-9+.-]*:/i;

/** Whether a location is a URI (`file:`, `hf:`, `s3:`) and not a path. */
export function isUri(location: string): boolean {
  return SCHEME.test(location);
}

/** What a service is told: a URI as it is, a path made absolute. */
export function toServiceLocation(location: string): string {
  return isUri(location) ? location : path.resolve(location);
}
