import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { HOST } from '../ports.ts';
import { readPrometheusConfig } from '../prometheus-config.ts';
import { readDashboards } from './dashboard.ts';
import { renderPage } from './page.ts';
import { renderPanel } from './panel.ts';
import { parseDuration, timeRange } from './time-range.ts';

/** A server of the dashboards. */
export interface DashboardServer {
  close(): Promise<void>;
}

/** Starts to serve the dashboards as pages, drawn anew for each request from what Prometheus answers. */
export async function startDashboards(options: {
  readonly port: number;
  readonly prometheusUrl: string;
}): Promise<DashboardServer> {
  const scrapeSeconds = parseDuration(readPrometheusConfig().global.scrape_interval) ?? 15;
  const server = createServer((request, response) => {
    answer(request.url ?? '/', options.prometheusUrl, scrapeSeconds).then(
      ({ status, headers, body }) => response.writeHead(status, headers).end(body),
      (error: Error) => response.writeHead(500, PLAIN_TEXT).end(`${error.message}\n`),
    );
  });
  server.listen(options.port, HOST);
  await once(server, 'listening');
  return { close: () => close(server) };
}

interface PageAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const PLAIN_TEXT = { 'content-type': 'text/plain; charset=utf-8' } as const;
// Nothing but the page itself: no script runs, whatever labels say.
const PAGE = {
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
} as const;

/** `/NAME?range=15m` is a dashboard, `/` leads to one. */
async function answer(target: string, prometheusUrl: string, scrapeSeconds: number): Promise<PageAnswer> {
  const url = URL.parse(target, `http://${HOST}`);
  if (url === null) return { status: 400, headers: PLAIN_TEXT, body: `There is no such address: ${target}\n` };
  const all = readDashboards();
  if (url.pathname === '/') return { status: 302, headers: { location: '/training' }, body: '' };
  const dashboard = all.find(({ name }) => url.pathname === `/${name}`);
  if (dashboard === undefined)
    return {
      status: 404,
      headers: PLAIN_TEXT,
      body: `There is no such page; there are ${all.map(({ name }) => `/${name}`).join(' and ')}\n`,
    };
  const range = url.searchParams.get('range') ?? dashboard.time.from.replace('now-', '');
  const seconds = parseDuration(range);
  if (seconds === undefined)
    return { status: 400, headers: PLAIN_TEXT, body: 'The range is a number with s, m, h or d, as in 15m\n' };
  const time = timeRange(seconds, scrapeSeconds, Date.now() / 1000);
  const body = await renderPage({
    dashboard,
    all,
    range,
    renderPanel: (panel) => renderPanel(dashboard, panel, time, prometheusUrl),
  });
  return { status: 200, headers: PAGE, body };
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
    server.closeAllConnections();
  });
}
