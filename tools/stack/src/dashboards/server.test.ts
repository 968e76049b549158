import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { freePort } from '@pemmican/testkit';
import { queryRange } from './prometheus-client.ts';
import { startDashboards, type DashboardServer } from './server.ts';

/** What stands in for Prometheus: the answer by a part of the expression. */
const ANSWERS: Record<string, (start: number, step: number) => unknown> = {
  pemmican_training_loss: (start, step) => ({
    status: 'success',
    data: {
      result: [
        {
          metric: { pemmican_slot: '<script>alert(1)</script>' },
          values: [
            [start, '0.75'],
            [start + 2 * step, '0.5'],
            [start + 3 * step, 'NaN'],
          ],
        },
      ],
    },
  }),
  pemmican_training_progress: (start) => ({
    status: 'success',
    data: { result: [{ metric: { pemmican_slot: '0' }, values: [[start, '0.25']] }] },
  }),
  pemmican_training_gradient_norm: () => ({ status: 'error', error: 'query <b>timed</b> out' }),
};

const prometheus = createServer((request, response) => {
  const { searchParams } = new URL(request.url ?? '', 'http://localhost');
  const [start, step] = [Number(searchParams.get('start')), Number(searchParams.get('step'))];
  const name = Object.keys(ANSWERS).find((each) => searchParams.get('query')?.includes(each));
  const answer = name === undefined ? { status: 'success', data: { result: [] } } : ANSWERS[name]?.(start, step);
  response.end(JSON.stringify(answer));
});

let [url, prometheusUrl] = ['', ''];
let server: DashboardServer | undefined;
before(async () => {
  prometheus.listen(0, '127.0.0.1');
  await once(prometheus, 'listening');
  prometheusUrl = `http://127.0.0.1:${(prometheus.address() as { port: number }).port}`;
  const port = await freePort();
  server = await startDashboards({ port, prometheusUrl });
  url = `http://127.0.0.1:${port}`;
});
after(async () => {
  await server?.close();
  prometheus.close();
  prometheus.closeAllConnections();
});

test('queryRange gives a value for each step, and none where Prometheus has none', async () => {
  const range = { start: 100, end: 108, stepSeconds: 2, rateIntervalSeconds: 8 };
  assert.deepEqual(await queryRange(prometheusUrl, 'pemmican_training_loss', range), [
    { labels: { pemmican_slot: '<script>alert(1)</script>' }, values: [0.75, null, 0.5, null, null] },
  ]);
  await assert.rejects(queryRange(prometheusUrl, 'pemmican_training_gradient_norm', range), {
    message: 'Prometheus: query <b>timed</b> out',
  });
});

test('a page shows values, what has none, and what went wrong, each in its panel', async () => {
  const response = await fetch(`${url}/training?range=5m`);
  assert.equal(response.status, 200);
  const page = await response.text();
  assert.match(page, /<title>pemmican \/ training<\/title>/);
  assert.match(page, /<p class="value">25 % <\/p>/);
  assert.match(page, /<h2>Learning rate<\/h2>\s*<p class="caption">[^<]*<\/p>\s*<p class="note">No data<\/p>/);
  assert.match(page, /<h2>Loss<\/h2>\s*<p class="caption">[^<]*<\/p>\s*<div class="plot"><svg/);
  assert.match(page, /Prometheus: query &lt;b&gt;timed&lt;\/b&gt; out/);
  assert.match(page, /<summary>GPU<\/summary>/);
});

test('a page runs no script, whatever a label says', async () => {
  const response = await fetch(`${url}/training`);
  assert.match(response.headers.get('content-security-policy') ?? '', /^default-src 'none'/);
  assert.doesNotMatch(await response.text(), /<script/);
});

test('the server leads to a dashboard, and refuses what is none', async () => {
  const first = await fetch(url, { redirect: 'manual' });
  assert.deepEqual([first.status, first.headers.get('location')], [302, '/training']);
  const unknown = await fetch(`${url}/nothing`);
  assert.deepEqual(
    [unknown.status, await unknown.text()],
    [404, 'There is no such page; there are /services and /training\n'],
  );
  assert.equal((await fetch(`${url}/training?range=soon`)).status, 400);
  const unreadable = await fetch(`${url}//`);
  assert.deepEqual([unreadable.status, await unreadable.text()], [400, 'There is no such address: //\n']);
  assert.equal((await fetch(`${url}/training`)).status, 200);
});
