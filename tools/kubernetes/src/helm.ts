import { KubernetesError } from './error.ts';
import { parseManifests, type Manifest } from './manifest.ts';
import { CHART_FOLDER, KUBERNETES_VERSION, helmProgram } from './places.ts';
import { runCommand } from '@pemmican/setup';

/** What a chart is rendered with. */
export interface ChartInput {
  readonly release?: string;
  readonly namespace?: string;
  readonly valuesFiles?: readonly string[];
  /** `KEY=VALUE` each, as `--set` and, in JSON, `--set-json` have them. */
  readonly set?: readonly string[];
  readonly setJson?: readonly string[];
}

const valuesArguments = ({ valuesFiles = [], set = [], setJson = [] }: ChartInput): string[] => [
  ...valuesFiles.flatMap((file) => ['--values', file]),
  ...set.flatMap((assignment) => ['--set', assignment]),
  ...setJson.flatMap((assignment) => ['--set-json', assignment]),
];

/**
 * What the chart makes of values, as `helm template` prints it.
 * @throws KubernetesError REFUSED with helm's own message: values that the schema or the chart refuses
 */
export async function renderChart(input: ChartInput = {}): Promise<Manifest[]> {
  const { release = 'pemmican', namespace = 'pemmican' } = input;
  const { code, stdout, stderr } = await runCommand(await helmProgram(), [
    ...['template', release, CHART_FOLDER, '--namespace', namespace, '--kube-version', KUBERNETES_VERSION],
    ...valuesArguments(input),
  ]);
  if (code !== 0) throw new KubernetesError('REFUSED', stderr.trim());
  return parseManifests(stdout, 'helm template');
}

/** What `helm lint --strict` says. @throws KubernetesError REFUSED */
export async function lintChart(input: ChartInput = {}): Promise<string> {
  const { code, stdout, stderr } = await runCommand(await helmProgram(), [
    ...['lint', '--strict', CHART_FOLDER, '--kube-version', KUBERNETES_VERSION],
    ...valuesArguments(input),
  ]);
  if (code !== 0) throw new KubernetesError('REFUSED', `${stdout}${stderr}`.trim());
  return stdout;
}
