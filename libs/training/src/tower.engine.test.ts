import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TensorflowSession, environmentBuild } from '@pemmican/engine';
import { GraphBuilder, encodeSavedModel, type GraphSession } from '@pemmican/graph';
import { SMALL_CASES } from '../test/small-cases.ts';
import { trainSmall, type SmallResult } from '../test/small-runs.ts';
import { VirtualDeviceSession } from '../test/virtual-devices.ts';

// Towers on one device and on two, which are GPUs where the engine is the build for them, and else CPU devices of a session that
// TensorFlow's C API opens: what is trained has to be what gradient accumulation of the same micro-batches on one device gives,
// bit by bit.

const isOnGpus = environmentBuild() === 'gpu';
const otherDevice = isOnGpus ? '/device:GPU:1' : '/device:CPU:1';

const open = (savedModel: Uint8Array): GraphSession => TensorflowSession.open(savedModel);

/** Whether the engine has the device: it places nodes when it opens a session. */
function canOpenOn(device: string): boolean {
  const builder = new GraphBuilder();
  const probe = builder.withDevice(device, () => builder.constant(1));
  try {
    open(encodeSavedModel(builder, probe)).dispose();
    return true;
  } catch {
    return false;
  }
}

const skip = isOnGpus && !canOpenOn(otherDevice) && 'there is no second GPU';

function assertEqual(actual: SmallResult, expected: SmallResult): void {
  assert.deepEqual(actual.events, expected.events);
  assert.deepEqual([...actual.values.keys()], [...expected.values.keys()]);
  for (const [name, values] of expected.values) assert.deepEqual(actual.values.get(name), values, name);
}

for (const [name, one] of Object.entries(SMALL_CASES))
  test(`a tower on each of two devices trains as accumulation on one does, bit by bit: ${name}`, { skip }, async () => {
    const accumulated = await trainSmall(one, { gradientAccumulationSteps: 2 }, [], open);
    // Seven micro-batches an epoch: the fourth step has one, of a single record, and leaves a tower without.
    assert.equal(accumulated.events.length, 2 * 4 + 3, 'steps of two epochs, evaluations before, between and after');
    const virtual: VirtualDeviceSession[] = [];
    const openVirtual = (savedModel: Uint8Array): GraphSession => {
      const session = new VirtualDeviceSession(savedModel, 2);
      session.isTracing = true;
      virtual.push(session);
      return session;
    };
    assertEqual(await trainSmall(one, {}, [otherDevice], isOnGpus ? open : openVirtual), accumulated);
    for (const { nodesOf } of virtual) assertBothWork(nodesOf);
  });

/** As TensorFlow's trace of every step tells: both devices multiply matrices, and the first alone updates weights. */
function assertBothWork(nodesOf: ReadonlyMap<string, ReadonlySet<string>>): void {
  const count = (device: number, op: RegExp): number =>
    [...(nodesOf.get(`/job:localhost/replica:0/task:0/device:CPU:${device}`) ?? [])].filter((name) => op.test(name))
      .length;
  assert.equal(nodesOf.size, 2);
  // Names that end otherwise are of what is received from the other device.
  for (const device of [0, 1])
    assert.ok(count(device, /^(?:Batch)?MatMul(?:V2)?_\d+$/) > 20, `products of device ${device}`);
  const isUpdate = /^(?:ResourceApplyAdam|AssignAddVariableOp|AssignVariableOp)_\d+$/;
  assert.ok(count(0, isUpdate) > 10);
  assert.equal(count(1, isUpdate), 0);
}

for (const [devices, accumulation] of [
  [3, 1],
  [2, 2],
] as const)
  test(`${devices} towers on one device, ${accumulation} times a step, train as ${devices * accumulation} times accumulation does`, async () => {
    const one = SMALL_CASES['BERT, sequence classification, weight decay']!;
    const accumulated = await trainSmall(one, { gradientAccumulationSteps: devices * accumulation }, [], open);
    const others = Array.from({ length: devices - 1 }, () => '');
    assertEqual(await trainSmall(one, { gradientAccumulationSteps: accumulation }, others, open), accumulated);
  });
