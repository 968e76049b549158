import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DataType, SavedModel } from './gen/tensorflow/saved_model.ts';
import { GraphBuilder, binary, encodeSavedModel, identity, outputOf, symbol, tensorReference } from './mod.ts';

test('encodeSavedModel writes every node with inputs, control inputs and attributes', () => {
  const builder = new GraphBuilder();
  const x = builder.placeholder('x', 'float32', [symbol('batch'), 3]);
  const before = builder.constant([1, 2, 3]);
  identity(builder, binary(builder, 'AddV2', x, before), { name: 'y', controlInputs: [before.node, before.node] });
  const model = SavedModel.decode(encodeSavedModel(builder, before));
  assert.deepEqual(
    model.metaGraphs.map((graph) => graph.metaInfoDef?.tags),
    [['serve']],
  );
  const nodes = new Map(model.metaGraphs[0]!.graphDef!.node.map((node) => [node.name, node]));
  assert.equal(nodes.size, builder.nodes.length);
  assert.deepEqual(nodes.get('x')!.attr['shape']!.value, {
    $case: 'shape',
    value: { dim: [{ size: -1 }, { size: 3 }], unknownRank: false },
  });
  assert.deepEqual(nodes.get('y')!.input, ['AddV2_1', '^Const_0'], 'a control edge is written once, after the inputs');
  assert.deepEqual(nodes.get('AddV2_1')!.attr['T']!.value, { $case: 'type', value: DataType.DT_FLOAT });
  const value = nodes.get('Const_0')!.attr['value']!.value;
  assert.ok(value?.$case === 'tensor');
  assert.deepEqual(Array.from(new Float32Array(value.value.tensorContent.slice().buffer)), [1, 2, 3]);
});

test('encodeSavedModel writes devices, names with their prefix, and a constant for each device', () => {
  const builder = new GraphBuilder();
  const build = (): void => {
    identity(builder, builder.constant(2), { name: 'two' });
  };
  build();
  builder.withDevice('/device:GPU:1', () => {
    builder.withNamePrefix('tower1/', build);
  });
  const nodes = SavedModel.decode(encodeSavedModel(builder, builder.constant(2))).metaGraphs[0]!.graphDef!.node;
  assert.deepEqual(
    nodes.map(({ name, device, input }) => [name, device, ...input]),
    [
      ['Const_0', ''],
      ['two', '', 'Const_0'],
      ['Const_1', '/device:GPU:1'],
      ['tower1/two', '/device:GPU:1', 'Const_1'],
    ],
  );
});

test('tensorReference names output 0 by its node and others by number', () => {
  const builder = new GraphBuilder();
  const node = builder.addNode('Unique', [], {}, [
    { dtype: 'int32', shape: [] },
    { dtype: 'int32', shape: [] },
  ]);
  assert.equal(tensorReference(outputOf(node, 0)), node.name);
  assert.equal(tensorReference(outputOf(node, 1)), `${node.name}:1`);
  assert.throws(() => outputOf(node, 2), { name: 'GraphError' });
});

test('encodeSavedModel gives the same bytes for the same graph', () => {
  const bytes = (): Uint8Array => {
    const builder = new GraphBuilder();
    return encodeSavedModel(builder, identity(builder, builder.constant(2), { name: 'two' }));
  };
  assert.deepEqual(bytes(), bytes());
});
