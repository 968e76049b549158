import assert from 'node:assert/strict';
import { test } from 'node:test';
import { environmentBuild, findAddon, loadBinding } from './binding.ts';

test('loadBinding says how to get a build that is not set up', (context) => {
  if (findAddon('gpu') !== undefined) return context.skip('the GPU build is set up here');
  assert.throws(() => loadBinding('gpu'), {
    name: 'EngineError',
    code: 'UNAVAILABLE',
    message: 'TensorFlow for gpu is not set up; run `npm run setup -- --gpu`',
  });
});

test('loadBinding loads the library once, for one kind of device a process', () => {
  const [build, other] = environmentBuild() === 'gpu' ? (['gpu', 'cpu'] as const) : (['cpu', 'gpu'] as const);
  const binding = loadBinding(build);
  assert.equal(loadBinding(build), binding);
  assert.match(binding.TF_Version, /^2\.21\./);
  assert.equal(binding.isUsingGpuDevice(), build === 'gpu');
  assert.throws(() => loadBinding(other), {
    code: 'INVALID_ARGUMENT',
    message: new RegExp(`has loaded TensorFlow for ${build} already`),
  });
});
