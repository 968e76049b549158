import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TensorflowSession } from '@pemmican/engine';
import { GraphBuilder, encodeSavedModel, variable, variablePort, type TensorValue } from '../mod.ts';

test('a small variable goes in and out whole, and keeps nothing of the array that it was fed from', () => {
  const builder = new GraphBuilder();
  const [rowCount, width] = [16, 64];
  // Many: the engine shares an array's memory where that happens to lie at a multiple of 64 bytes.
  const ports = Array.from({ length: 64 }, (_, index) =>
    variablePort(builder, variable(builder, `weights/${index}`, [rowCount, width])),
  );
  const session = TensorflowSession.open(encodeSavedModel(builder, builder.constant(1)));
  try {
    const arrays = ports.map((_, index) => new Float32Array(rowCount * width).fill(index + 1));
    const feeds: Record<string, TensorValue> = {};
    ports.forEach((port, index) => {
      assert.equal(port.kind, 'whole');
      feeds[port.valuesFeed] = { dtype: 'float32', shape: [rowCount, width], data: arrays[index]! };
    });
    const fetch = (name: 'writeFetch' | 'readFetch' | 'zeroFetch'): string[] => ports.map((port) => port[name]);
    session.run(feeds, fetch('writeFetch'));
    for (const array of arrays) array.fill(-1);
    session.run({}, fetch('readFetch')).forEach(({ shape, data }, index) => {
      assert.deepEqual(shape, [rowCount, width]);
      assert.ok(
        data.every((value) => value === index + 1),
        `variable ${index} is ${data[0]}`,
      );
    });
    session.run({}, fetch('zeroFetch'));
    for (const { data } of session.run({}, fetch('readFetch'))) assert.ok(data.every((value) => value === 0));
  } finally {
    session.dispose();
  }
});
