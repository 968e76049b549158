import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';

/** Folder of the dashboards and alerts. */
export const OBSERVABILITY_FOLDER: string = path.resolve(import.meta.dirname, '../../../deploy/observability');

export interface Panel {
  readonly id: number;
  readonly title: string;
  readonly description: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets: readonly { readonly expr: string; readonly legendFormat: string }[];
}

/** Panels under a heading, which Grafana shows when it is clicked. */
interface Row {
  readonly type: 'row';
  readonly panels: readonly Panel[];
}

/** A Grafana dashboard, as far as tests read it. */
export interface Dashboard {
  /** Its file. */
  readonly name: string;
  readonly uid: string;
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly type: string; readonly query: string }[];
  };
  /** Those of rows among them. */
  readonly panels: readonly Panel[];
}

/** Prometheus' file of alerts. */
export interface AlertRules {
  readonly groups: readonly { readonly rules: readonly { readonly alert: string; readonly expr: string }[] }[];
}

/** Every dashboard of the project. @throws Error where there is none */
export function readDashboards(): Dashboard[] {
  const folder = path.join(OBSERVABILITY_FOLDER, 'grafana');
  const names = readdirSync(folder).filter((name) => name.endsWith('.json'));
  if (names.length === 0) throw new Error(`${folder} has no dashboards`);
  return names.map((name) => {
    const file = JSON.parse(readFileSync(path.join(folder, name), 'utf8')) as Omit<Dashboard, 'name' | 'panels'> & {
      readonly panels: readonly (Panel | Row)[];
    };
    return { ...file, name, panels: file.panels.flatMap((panel) => ('targets' in panel ? [panel] : panel.panels)) };
  });
}

/** An expression as Grafana asks it: variables replaced by what stands for all of their values. */
export function askedExpression(expression: string): string {
  return expression.replaceAll('$__rate_interval', '1m').replaceAll(/"\$\w+"/g, '".*"');
}
