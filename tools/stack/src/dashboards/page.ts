import { html, trusted, type Html } from '@pemmican/cli/html';
import { paletteCss } from '@pemmican/cli/palette';
import type { CollapsedRow, Dashboard, Panel } from './dashboard.ts';

/** Ranges that a page offers. */
export const RANGES = ['5m', '15m', '1h', '6h', '1d', '7d'] as const;

const STYLE = `${paletteCss()}
*{box-sizing:border-box}
body{margin:0;background:var(--band);color:var(--ink);font:15px/1.5 ui-sans-serif,system-ui,sans-serif}
main{max-width:1640px;margin:0 auto;padding:24px}
header{display:flex;flex-wrap:wrap;gap:4px 24px;align-items:baseline;margin-bottom:16px}
h1{font-size:24px;line-height:1.2;margin:0}
h2{font-size:15px;line-height:1.3;margin:0;font-weight:650}
p{margin:0}
nav{display:flex;gap:12px;margin-left:auto}
a{color:var(--accent);text-decoration:none}
a[aria-current]{color:var(--ink);font-weight:650}
.lead{color:var(--muted);flex-basis:100%}
.caption,.note,footer,.legend{color:var(--muted);font-size:13px}
.note{padding:24px 0}
.grid{display:grid;grid-template-columns:repeat(24,minmax(0,1fr));gap:12px}
.card{background:var(--surface);border:1px solid var(--grid);border-radius:10px;padding:14px 18px;min-width:0}
.value{font-size:30px;line-height:1.3;font-weight:650;letter-spacing:-.02em;font-variant-numeric:tabular-nums}
.value small{font-size:13px;font-weight:400;letter-spacing:0;color:var(--muted)}
.plot>svg{display:block;width:100%;height:auto}
.legend{display:flex;flex-wrap:wrap;gap:2px 20px;list-style:none;margin:4px 0 0;padding:0}
.legend li{overflow-wrap:anywhere}.legend svg{margin-right:8px;vertical-align:middle}
details{grid-column:1/-1}summary{cursor:pointer;font-weight:650;padding:4px 0 12px}
footer{margin-top:16px}
@media (max-width:900px){.card{grid-column:1/-1!important}}
`;

/** What a page of a dashboard is made of. */
export interface PageOptions {
  readonly dashboard: Dashboard;
  readonly all: readonly Dashboard[];
  /** The range that is shown. */
  readonly range: string;
  readonly renderPanel: (panel: Panel) => Promise<Html>;
}

/** A whole page, which asks for itself again as often as the dashboard says. */
export async function renderPage({ dashboard, all, range, renderPanel }: PageOptions): Promise<string> {
  const parts = await Promise.all(dashboard.panels.map((panel) => renderPart(panel, renderPanel)));
  const link = (name: string, text: string, isCurrent: boolean, duration: string): Html =>
    html`<a href="/${name}?range=${duration}" ${isCurrent && trusted('aria-current="true"')}>${text}</a>`;
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width" />
        <meta http-equiv="refresh" content="${Number.parseInt(dashboard.refresh, 10)}" />
        <title>${dashboard.title}</title>
        <style>
          ${trusted(STYLE)}
        </style>
      </head>
      <body>
        <main>
          <header>
            <h1>${dashboard.title}</h1>
            ${all.map((each) => link(each.name, each.name, each.name === dashboard.name, range))}
            <nav>${RANGES.map((each) => link(dashboard.name, each, each === range, each))}</nav>
            <p class="lead">${dashboard.description}</p>
          </header>
          <div class="grid">${parts}</div>
          <footer>
            deploy/observability/grafana/${dashboard.name}.json with the values of Prometheus, drawn by npm run stack
          </footer>
        </main>
      </body>
    </html>`.text;
}

async function renderPart(panel: Panel | CollapsedRow, renderPanel: PageOptions['renderPanel']): Promise<Html> {
  if (panel.type !== 'row') return renderPanel(panel);
  const panels = await Promise.all(panel.panels.map(renderPanel));
  return html`<details>
    <summary>${panel.title}</summary>
    <div class="grid">${panels}</div>
  </details>`;
}
