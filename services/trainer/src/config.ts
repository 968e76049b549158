import { homedir } from 'node:os';
import path from 'node:path';
import { readArtifactSettings, type ArtifactSettings } from '@pemmican/artifacts';
import { SECURITY_VARIABLES, readServerSecurity, type ServerSecurity } from '@pemmican/rpc';
import { readMaintenance, type MaintenanceOptions } from '@pemmican/jobs';
import { ArtifactRoots, hubOptionsFromEnvironment, type HubOptions } from '@pemmican/storage';
import { z } from 'zod';

const schema = z.object({
  /** `HOST:PORT` or `unix:PATH`. */
  PEMMICAN_LISTEN: z.string().min(1).default('127.0.0.1:50053'),
  /** Folder of the store of runs. */
  PEMMICAN_STATE_DIRECTORY: z.string().min(1).default(path.join(homedir(), '.local/state/pemmican/trainer')),
  /** Folder that models of a hub are fetched into. */
  PEMMICAN_CACHE_DIR: z.string().min(1).default(path.join(homedir(), '.cache/pemmican')),
  PEMMICAN_MAX_CONCURRENT_RUNS: z.coerce.number().int().min(1).max(64).default(1),
  PEMMICAN_MAX_QUEUED_RUNS: z.coerce.number().int().min(1).max(100_000).default(100),
  /** How often a run's process may be killed and started again before the run fails. */
  PEMMICAN_MAX_RESTARTS: z.coerce.number().int().min(0).max(1000).default(20),
  /** `cpu` or `gpu`: which TensorFlow build a run loads. */
  PEMMICAN_TENSORFLOW: z.enum(['cpu', 'gpu']).default('cpu'),
  /** How many devices a run may take the CPU for. Only to try runs on several devices without GPUs: it makes none faster. */
  PEMMICAN_CPU_DEVICES: z.coerce.number().int().min(1).max(16).default(1),
  PEMMICAN_LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
});

/** What the trainer's process is told by its environment. */
export interface TrainerConfig {
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
  readonly maxConcurrentRuns: number;
  readonly maxQueuedRuns: number;
  readonly maxRestarts: number;
  readonly tensorflow: 'cpu' | 'gpu';
  readonly cpuDeviceCount: number;
  /** The environment without what guards the service: what child processes get. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error' | 'silent';
}

/**
 * Reads and checks the environment once.
 * @throws Error that names every variable that is wrong
 */
export function readConfig(environment: Readonly<Record<string, string | undefined>>): TrainerConfig {
  const parsed = schema.safeParse(environment);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ');
    throw new Error(`Environment of the trainer: ${problems}`);
  }
  return Object.freeze({
    listen: parsed.data.PEMMICAN_LISTEN,
    security: readServerSecurity(environment),
    artifactRoots: ArtifactRoots.parse(environment['PEMMICAN_ARTIFACT_ROOTS']),
    artifacts: readArtifactSettings(environment),
    maintenance: readMaintenance(environment),
    stateDirectory: path.resolve(parsed.data.PEMMICAN_STATE_DIRECTORY),
    hub: hubOptionsFromEnvironment(environment, parsed.data.PEMMICAN_CACHE_DIR),
    maxConcurrentRuns: parsed.data.PEMMICAN_MAX_CONCURRENT_RUNS,
    maxQueuedRuns: parsed.data.PEMMICAN_MAX_QUEUED_RUNS,
    maxRestarts: parsed.data.PEMMICAN_MAX_RESTARTS,
    tensorflow: parsed.data.PEMMICAN_TENSORFLOW,
    cpuDeviceCount: parsed.data.PEMMICAN_CPU_DEVICES,
    environment: {
      // Types are stripped once and not by each child: that takes 30 MB and half a second. Never in a folder that others
      // can write: what is cached is code.
      NODE_COMPILE_CACHE: path.join(parsed.data.PEMMICAN_CACHE_DIR, 'compiled'),
      ...withoutGuards(environment),
    },
    logLevel: parsed.data.PEMMICAN_LOG_LEVEL,
  });
}

function withoutGuards(environment: Readonly<Record<string, string | undefined>>): Record<string, string | undefined> {
  const guards: readonly string[] = Object.values(SECURITY_VARIABLES);
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !guards.includes(name)));
}
