import { homedir } from 'node:os';
import path from 'node:path';
import { readArtifactSettings, type ArtifactSettings } from '@pemmican/artifacts';
import { readServerSecurity, type ServerSecurity } from '@pemmican/rpc';
import { readMaintenance, type MaintenanceOptions } from '@pemmican/jobs';
import { ArtifactRoots, hubOptionsFromEnvironment, type HubOptions } from '@pemmican/storage';
import { z } from 'zod';

const schema = z.object({
  /** `HOST:PORT` or `unix:PATH`. */
  PEMMICAN_LISTEN: z.string().min(1).default('127.0.0.1:50052'),
  /** Folder of the store of jobs. */
  PEMMICAN_STATE_DIRECTORY: z.string().min(1).default(path.join(homedir(), '.local/state/pemmican/embedding-surgery')),
  /** Folder that models of a hub are fetched into. */
  PEMMICAN_CACHE_DIR: z.string().min(1).default(path.join(homedir(), '.cache/pemmican')),
  PEMMICAN_MAX_CONCURRENT_JOBS: z.coerce.number().int().min(1).max(64).default(2),
  PEMMICAN_MAX_QUEUED_JOBS: z.coerce.number().int().min(1).max(100_000).default(100),
  PEMMICAN_LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
});

/** What the service's process is told by its environment. */
export interface EmbeddingSurgeryConfig {
  readonly listen: string;
  /** TLS, tokens, limits of a caller. */
  readonly security: ServerSecurity;
  /**
   * Folders and `s3://BUCKET/PREFIX` that callers' paths and URIs have to be in (`PEMMICAN_ARTIFACT_ROOTS`, separated by colons); all
   * where it is not set.
   */
  readonly artifactRoots: ArtifactRoots;
  /** Limits of uploads. */
  readonly artifacts: ArtifactSettings;
  /** Deletion of old jobs, backups. */
  readonly maintenance: MaintenanceOptions;
  readonly stateDirectory: string;
  readonly hub: HubOptions;
  readonly maxConcurrentJobs: number;
  readonly maxQueuedJobs: number;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error' | 'silent';
}

/**
 * Reads and checks the environment once.
 * @throws Error that names every variable that is wrong
 */
export function readConfig(environment: Readonly<Record<string, string | undefined>>): EmbeddingSurgeryConfig {
  const parsed = schema.safeParse(environment);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ');
    throw new Error(`Environment of embedding-surgery: ${problems}`);
  }
  return Object.freeze({
    listen: parsed.data.PEMMICAN_LISTEN,
    security: readServerSecurity(environment),
    artifactRoots: ArtifactRoots.parse(environment['PEMMICAN_ARTIFACT_ROOTS']),
    artifacts: readArtifactSettings(environment),
    maintenance: readMaintenance(environment),
    stateDirectory: path.resolve(parsed.data.PEMMICAN_STATE_DIRECTORY),
    hub: hubOptionsFromEnvironment(environment, parsed.data.PEMMICAN_CACHE_DIR),
    maxConcurrentJobs: parsed.data.PEMMICAN_MAX_CONCURRENT_JOBS,
    maxQueuedJobs: parsed.data.PEMMICAN_MAX_QUEUED_JOBS,
    logLevel: parsed.data.PEMMICAN_LOG_LEVEL,
  });
}
