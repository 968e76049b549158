import { z } from 'zod';

const HOUR_MS = 3_600_000;

const schema = z.object({
  /** Most bytes of one uploaded artifact. */
  PEMMICAN_MAX_ARTIFACT_BYTES: z.coerce
    .number()
    .int()
    .min(1)
    .max(Number.MAX_SAFE_INTEGER)
    .default(256 * 1024 ** 3),
  /** Uploads that may be open at the same time. */
  PEMMICAN_MAX_OPEN_UPLOADS: z.coerce.number().int().min(1).max(10_000).default(16),
  /** Uploads that are known at the same time, finished ones that have not expired among them: each is a folder, and a line of the store. */
  PEMMICAN_MAX_KEPT_UPLOADS: z.coerce.number().int().min(1).max(1_000_000).default(1000),
  /** Hours after the last byte in which an unfinished upload is removed. */
  PEMMICAN_UPLOAD_EXPIRY_HOURS: z.coerce.number().min(0.0001).max(8760).default(24),
  /** Hours after its end, or after it was last asked for, in which an artifact at a place that the service chose is removed. */
  PEMMICAN_UPLOAD_RETENTION_HOURS: z.coerce.number().min(0.0001).max(8760).default(168),
});

/** Limits of uploads. */
export interface ArtifactSettings {
  readonly maxArtifactBytes: number;
  readonly maxOpenUploads: number;
  readonly maxKeptUploads: number;
  readonly expiryMs: number;
  readonly retentionMs: number;
}

/**
 * Reads the part of a service's environment that limits uploads.
 * @throws Error that names every variable that is wrong
 */
export function readArtifactSettings(environment: Readonly<Record<string, string | undefined>>): ArtifactSettings {
  const parsed = schema.safeParse(environment);
  if (!parsed.success)
    throw new Error(parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; '));
  const { data } = parsed;
  return Object.freeze({
    maxArtifactBytes: data.PEMMICAN_MAX_ARTIFACT_BYTES,
    maxOpenUploads: data.PEMMICAN_MAX_OPEN_UPLOADS,
    maxKeptUploads: data.PEMMICAN_MAX_KEPT_UPLOADS,
    expiryMs: data.PEMMICAN_UPLOAD_EXPIRY_HOURS * HOUR_MS,
    retentionMs: data.PEMMICAN_UPLOAD_RETENTION_HOURS * HOUR_MS,
  });
}
