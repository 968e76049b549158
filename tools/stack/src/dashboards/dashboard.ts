import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { DASHBOARDS_FOLDER } from '../places.ts';

/** A panel of a Grafana dashboard, as far as it is drawn here. */
export interface Panel {
  readonly type: 'stat' | 'timeseries';
  readonly title: string;
  readonly description: string;
  /** In columns of 24. */
  readonly gridPos: GridPosition;
  readonly targets: readonly { readonly expr: string; readonly legendFormat: string }[];
  readonly fieldConfig: {
    readonly defaults: {
      readonly unit: string;
      readonly min?: number;
      readonly max?: number;
      /** Digits after the point; 0 for what is counted. */
      readonly decimals?: number;
    };
  };
}

/** Panels under a heading, which are not shown until they are asked for. */
export interface CollapsedRow {
  readonly type: 'row';
  readonly title: string;
  readonly gridPos: GridPosition;
  readonly panels: readonly Panel[];
}

export interface GridPosition {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}

/** A Grafana dashboard, as far as it is drawn here. */
export interface Dashboard {
  /** Its file without the ending. */
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** As Grafana writes them: `10s`. */
  readonly refresh: string;
  /** `from` is `now-` and a duration. */
  readonly time: { readonly from: string };
  readonly templating: { readonly list: readonly { readonly name: string; readonly allValue?: string }[] };
  readonly panels: readonly (Panel | CollapsedRow)[];
}

/** The dashboards that are handed to Grafana, read anew: who changes one sees it at once. */
export function readDashboards(folder: string = DASHBOARDS_FOLDER): Dashboard[] {
  const files = readdirSync(folder).filter((file) => file.endsWith('.json'));
  return files.sort().map((file) => ({
    ...(JSON.parse(readFileSync(path.join(folder, file), 'utf8')) as Omit<Dashboard, 'name'>),
    name: path.basename(file, '.json'),
  }));
}

/**
 * An expression as Grafana asks it with "All" chosen for every variable.
 * @param rateIntervalSeconds what `$__rate_interval` stands for
 */
export function askedExpression(dashboard: Dashboard, expression: string, rateIntervalSeconds: number): string {
  const variables = dashboard.templating.list;
  return expression
    .replaceAll('$__rate_interval', `${rateIntervalSeconds}s`)
    .replaceAll(
      /\$(\w+)/g,
      (text, name: string) => variables.find((variable) => variable.name === name)?.allValue ?? text,
    );
}

/** A series' name: `{{label}}` replaced by its labels. */
export function legendOf(legendFormat: string, labels: Readonly<Record<string, string>>): string {
  return legendFormat.replaceAll(/\{\{\s*(\w+)\s*\}\}/g, (_, label: string) => labels[label] ?? '').trim();
}
