import assert from 'node:assert/strict';
import { test } from 'node:test';
import { askedExpression, legendOf, readDashboards, type Panel } from './dashboard.ts';
import { UNIT_FORMATS, formatValue } from './units.ts';

const dashboards = readDashboards();

test('readDashboards finds panels of the kinds that are drawn, in units that are known', () => {
  assert.deepEqual(dashboards.map(({ name }) => name), ['services', 'training']); // prettier-ignore
  for (const { name, panels, refresh, time } of dashboards) {
    assert.match(refresh, /^\d+s$/);
    assert.match(time.from, /^now-\d+[smhd]$/);
    const all = panels.flatMap((panel): readonly Panel[] => (panel.type === 'row' ? panel.panels : [panel]));
    for (const { type, title, fieldConfig } of all) {
      assert.ok(['stat', 'timeseries'].includes(type), `${name}: "${title}" is a ${type}`);
      assert.ok(fieldConfig.defaults.unit in UNIT_FORMATS, `${name}: "${title}" is in ${fieldConfig.defaults.unit}`);
    }
  }
});

test('askedExpression puts all values in place of variables, and seconds in place of the interval of rates', () => {
  const training = dashboards.find(({ name }) => name === 'training')!;
  assert.equal(
    askedExpression(training, 'sum(rate(steps{job=~"$job", slot=~"$slot", x="$other"}[$__rate_interval]))', 8),
    'sum(rate(steps{job=~".*", slot=~".*", x="$other"}[8s]))',
  );
});

test('legendOf puts labels in place of their names', () => {
  assert.equal(legendOf('slot {{slot}} {{ source }} {{none}}', { slot: '0', source: 'host' }), 'slot 0 host');
});

test('formatValue writes values as Grafana’s units say', () => {
  const cases: [string, number, string][] = [
    ['percentunit', 0.254, '25 %'],
    ['decbytes', 847_300_000, '847 MB'],
    ['s', 0.25, '250 ms'],
    ['s', 90, '1 min 30 s'],
    ['short', 12_345, '12.3K'],
    ['none', 0.69312, '0.693'],
    ['sci', 0.0000425, '4.25e-5'],
    ['reqps', 0.5, '0.5 req/s'],
    ['unheard-of', 1.5, '1.5'],
  ];
  for (const [unit, value, text] of cases) assert.equal(formatValue(unit, value), text, unit);
});
