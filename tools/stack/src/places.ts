import { mkdirSync } from 'node:fs';
import path from 'node:path';

const REPOSITORY_FOLDER = path.resolve(import.meta.dirname, '../../..');
const DEPLOY_FOLDER = path.join(REPOSITORY_FOLDER, 'deploy');

export const COLLECTOR_CONFIG: string = path.join(DEPLOY_FOLDER, 'local/collector.yaml');
export const PROMETHEUS_CONFIG: string = path.join(DEPLOY_FOLDER, 'local/prometheus.yml');
export const COMPOSE_FILE: string = path.join(DEPLOY_FOLDER, 'local/compose.yaml');
export const ALERTS_FILE: string = path.join(DEPLOY_FOLDER, 'observability/prometheus/alerts.yml');
export const DASHBOARDS_FOLDER: string = path.join(DEPLOY_FOLDER, 'observability/grafana');

/** Folders of one stack. */
export interface StackPlaces {
  readonly servicesFolder: string;
  /** State of the services and of Prometheus: what a later start goes on with. */
  readonly directory: string;
  readonly logs: string;
  /** Locked by the stack that has the folders in use. */
  readonly lockFile: string;
  /** What a shell reads to use the stack. */
  readonly environmentFile: string;
}

/** Makes the folders of a stack. */
export function makePlaces(directory: string): StackPlaces {
  const logs = path.join(directory, 'logs');
  mkdirSync(logs, { recursive: true, mode: 0o700 });
  return {
    servicesFolder: path.join(REPOSITORY_FOLDER, 'services'),
    directory,
    logs,
    lockFile: path.join(directory, 'stack-lock'),
    environmentFile: path.join(directory, 'environment'),
  };
}
