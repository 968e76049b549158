import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { parser } from '@prometheus-io/lezer-promql';
import { parse as parseYaml } from 'yaml';
import { OBSERVABILITY_FOLDER as FOLDER, askedExpression, readDashboards, type AlertRules } from './dashboards.ts';
import { existingMetrics } from './existing-metrics.ts';

/** Metrics and labels that a PromQL expression names, and what is wrong with its syntax. */
function readExpression(expression: string): { metrics: string[]; labels: string[]; errors: string[] } {
  const plain = askedExpression(expression);
  const found = { metrics: [] as string[], labels: [] as string[], errors: [] as string[] };
  parser.parse(plain).iterate({
    enter: ({ name, type, from, to, node }) => {
      const text = plain.slice(from, to);
      if (type.isError) found.errors.push(`at ${from}: "${plain.slice(from, from + 20)}"`);
      if (name === 'Identifier' && node.parent?.name === 'VectorSelector') found.metrics.push(text);
      if (name === 'LabelName') found.labels.push(text);
    },
  });
  return found;
}

/** Labels that label_replace makes, each with the one that it reads. */
function replacedLabels(expression: string): (readonly [made: string, read: string])[] {
  return [...expression.matchAll(/, "(\w+)", "[^"]*", "(\w+)", "[^"]*"\)/g)].map(
    ([, made = '', read = '']) => [made, read] as const,
  );
}

/** What of an expression does not exist. */
function findProblems(expression: string, existing: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  const { metrics, labels, errors } = readExpression(expression);
  const known = new Set(metrics.flatMap((metric) => [...(existing.get(metric) ?? [])]));
  const replaced = replacedLabels(expression);
  const made = new Set(replaced.map(([label]) => label));
  const used = [...labels.filter((label) => !made.has(label)), ...replaced.map(([, read]) => read)];
  return [
    ...errors.map((error) => `syntax ${error}`),
    ...(metrics.length === 0 ? ['no metric'] : []),
    ...metrics.filter((metric) => !existing.has(metric)).map((metric) => `no metric ${metric}`),
    ...used.filter((label) => !known.has(label)).map((label) => `no label ${label}`),
  ];
}

test('findProblems tells metrics, labels and syntax that are wrong', async () => {
  const existing = await existingMetrics();
  assert.deepEqual(findProblems('sum by (hw_id) (hw_gpu_memory_usage)', existing), []);
  assert.deepEqual(findProblems('rate(pemmican_steps_total[5m])', existing), ['no metric pemmican_steps_total']);
  assert.deepEqual(findProblems('sum by (gpu) (hw_gpu_memory_usage)', existing), ['no label gpu']);
  assert.match(findProblems('sum by (hw_id) (hw_gpu_memory_usage', existing).join(), /syntax/);
  const renamed = (read: string): string =>
    `sum by (x) (label_replace(hw_gpu_memory_usage, "x", "$1", "${read}", "(.*)"))`;
  assert.deepEqual(findProblems(renamed('hw_id'), existing), []);
  assert.deepEqual(findProblems(renamed('gpu'), existing), ['no label gpu']);
});

test('dashboards ask for metrics and labels that the services have', async () => {
  const existing = await existingMetrics();
  const uids = new Set<string>();
  const asked = new Set<string>();
  for (const { name, uid, panels, templating } of readDashboards()) {
    assert.ok(!uids.has(uid), `${name}: ${uid} is taken`);
    uids.add(uid);
    assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length, `${name}: ids of panels`);
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, index) => `${x + (index % w)},${y + Math.floor(index / w)}`),
    );
    assert.equal(new Set(cells).size, cells.length, `${name}: panels lie over each other`);
    const variables = templating.list.map((variable) => variable.name);
    for (const { title, description, targets } of panels) {
      assert.ok(description !== '', `${name}: "${title}" says nothing of itself`);
      for (const { expr, legendFormat } of targets) {
        assert.deepEqual(findProblems(expr, existing), [], `${name}: "${title}": ${expr}`);
        for (const [, variable = ''] of expr.replaceAll('$__rate_interval', '').matchAll(/\$(\w+)/g))
          assert.ok(variables.includes(variable), `${name}: "${title}" has no variable ${variable}`);
        const { metrics, labels } = readExpression(expr);
        for (const metric of metrics) asked.add(metric);
        for (const [, label = ''] of legendFormat.matchAll(/\{\{(\w+)\}\}/g))
          assert.ok(
            labels.includes(label) || metrics.some((metric) => existing.get(metric)?.has(label)),
            `${title}: ${label}`,
          );
      }
    }
    for (const { name: variable, type, query } of templating.list) {
      if (type !== 'query') continue;
      const [, metric = '', label = ''] = /^label_values\((\w+), (\w+)\)$/.exec(query) ?? [];
      assert.ok(existing.get(metric)?.has(label) === true, `${name}: variable ${variable}: ${query}`);
    }
  }
  const unseen = [...existing.keys()].filter(
    (metric) => !asked.has(metric) && !/_(sum|count|bucket)$|^up$|_info$/.test(metric),
  );
  assert.deepEqual(unseen, [], 'a metric that no dashboard shows');
});

test('alerts ask for metrics and labels that the services have', async () => {
  const existing = await existingMetrics();
  const { groups } = parseYaml(readFileSync(path.join(FOLDER, 'prometheus/alerts.yml'), 'utf8')) as AlertRules;
  const rules = groups.flatMap((group) => group.rules);
  assert.ok(rules.length > 0);
  for (const { alert, expr } of rules) assert.deepEqual(findProblems(expr, existing), [], `${alert}: ${expr}`);
});
