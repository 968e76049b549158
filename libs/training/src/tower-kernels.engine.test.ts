import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findAddon } from '@pemmican/engine';
import { GraphBuilder, readVariable, variable, type GraphNode } from '@pemmican/graph';
import { RegisteredKernels } from '../test/registered-kernels.ts';
import { SMALL_CASES } from '../test/small-cases.ts';
import { smallModel, type SmallCase } from '../test/small-runs.ts';
import type { TrainingOptions } from './options.ts';
import { batchInputs, buildTower } from './tower.ts';

// The engine's sessions do not place softly: a node that is sent to a device without a kernel for it fails the whole graph.
const GPU = '/device:GPU:1';
const skip = findAddon('gpu') === undefined && 'TensorFlow for GPUs is not set up (npm run setup -- --gpu)';

function towerNodes(one: SmallCase, changes: Partial<TrainingOptions>): GraphNode[] {
  const { model, options, labelCount, vocabRows } = smallModel(one, changes);
  const builder = new GraphBuilder(options.bf16 ? { matmulDtype: 'bfloat16' } : {});
  const specs = model.parameters(options.task, labelCount, vocabRows);
  const weights = new Map(
    specs.map(({ name, shape }) => [name, readVariable(builder, variable(builder, `weights/${name}`, shape))]),
  );
  const trained = specs.filter(({ isFrozen }) => isFrozen !== true);
  builder.withDevice(GPU, () => {
    const inputs = batchInputs(builder, options.task);
    buildTower(builder, model, { ...options, paddingIndex: 0 }, weights, trained, inputs);
  });
  return builder.nodes.filter(({ device }) => device === GPU);
}

test('every node of a tower has a kernel for GPUs', { skip }, () => {
  const kernels = new RegisteredKernels('gpu');
  assert.ok(!kernels.has({ op: 'DecodePng', attributes: {} }, 'GPU'), 'an op that has kernels for the CPU alone');
  const integers = { T: { kind: 'dtype', value: 'int32' } } as const;
  assert.ok(!kernels.has({ op: 'MatMul', attributes: integers }, 'GPU'), 'a dtype that GPUs have no kernel for');
  for (const [name, one] of Object.entries(SMALL_CASES))
    for (const changes of [{}, { gradientCheckpointing: true }, { bf16: true }]) {
      const nodes = towerNodes(one, changes);
      assert.ok(nodes.length > 300, `${name}: ${nodes.length} nodes`);
      for (const node of nodes)
        assert.ok(kernels.has(node, 'GPU'), `${name}: ${node.op} ${JSON.stringify(node.attributes)}`);
    }
});
