import { readFileSync } from 'node:fs';
import { parse, stringify } from 'yaml';
import { ALERTS_FILE, PROMETHEUS_CONFIG } from './places.ts';

interface PrometheusConfig {
  readonly global: { readonly scrape_interval: string };
  readonly rule_files: readonly string[];
  readonly scrape_configs: readonly { readonly job_name: string; readonly static_configs: readonly unknown[] }[];
}

/** The committed configuration. */
export function readPrometheusConfig(): PrometheusConfig {
  return parse(readFileSync(PROMETHEUS_CONFIG, 'utf8')) as PrometheusConfig;
}

/**
 * deploy/local/prometheus.yml with other targets.
 * @param targets address by the job's name; a job without one is left out
 */
export function prometheusConfig(targets: Readonly<Record<string, string>>): string {
  const config = readPrometheusConfig();
  const jobs = config.scrape_configs.flatMap((job) => {
    const target = targets[job.job_name];
    return target === undefined ? [] : [{ ...job, static_configs: [{ targets: [target] }] }];
  });
  return stringify({ ...config, rule_files: [ALERTS_FILE], scrape_configs: jobs });
}
