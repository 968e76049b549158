import { existsSync, readFileSync } from 'node:fs';
import { lstat, mkdir, readlink, rename, rm, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { withLock } from '../lock.mjs';
import { cacheFolder } from './cache.ts';
import { SetupError } from './error.ts';
import { requireCompiler } from './find-tool.ts';
import { requireSpace } from './free-space.ts';
import { formatBytes, secondsSince, type SetupOptions } from './progress.ts';
import { runCommand } from './run-command.ts';
import { isCurrent, type StampedFolder } from './stamp.ts';
import { TENSORFLOW_BUILDS, type Device, type TensorflowBuild } from './tensorflow-build.ts';
import { unzip } from './unzip.ts';
import { removeAbandonedDownloads } from './download.ts';
import { ensureWheel } from './wheel.ts';
import { makeWhole } from './whole-folder.ts';

// Raise it when the procedure below changes what it makes.
const RECIPE_NUMBER = 2;

// Of the wheel's 13,000 headers, those that the addon's two source files include (297).
const NEEDED_HEADERS =
  /^tensorflow\/include\/((?:tensorflow\/(?:c|core\/platform)|xla\/tsl\/(?:c|platform)|tsl\/platform)\/.*\.h)$/;
const CUDA_LIBRARY = /^nvidia\/[^/]+\/lib\/[^/]+\.so[.\d]*$/;
const ADDON = 'lib/napi-v8/tfjs_binding.node';

const require = createRequire(import.meta.url);

function packageFolder(name: string): string | undefined {
  try {
    return path.dirname(require.resolve(`${name}/package.json`));
  } catch {
    return undefined;
  }
}

function packageVersion(name: string): string {
  const folder = packageFolder(name);
  if (folder === undefined) {
    throw new SetupError('MISSING_TOOL', `The npm package ${name} is not installed; run \`npm ci\` in the repository`);
  }
  const { version } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as { version: string };
  return version;
}

/** Where a build of TensorFlow lies in the cache, and what it is made of. */
export function tensorflowFolder(device: Device): StampedFolder {
  const build = TENSORFLOW_BUILDS[device];
  const name = `tensorflow-${build.device}-${build.version}`;
  const parts = [
    `procedure ${RECIPE_NUMBER}`,
    `${build.package} ${packageVersion(build.package)}`,
    `node-api-headers ${packageVersion('node-api-headers')}`,
    ...[build.wheel, ...build.runtimeWheels].map((wheel) => `${wheel.project} ${wheel.version} ${wheel.digest}`),
  ];
  return {
    folder: path.join(cacheFolder(), 'tensorflow', name),
    stampFile: path.join(cacheFolder(), 'stamps', `${name}.json`),
    recipe: parts.join('; '),
  };
}

/** Whether a build is set up and linked into its npm package. */
export async function isTensorflowReady(device: Device): Promise<boolean> {
  const folder = packageFolder(TENSORFLOW_BUILDS[device].package);
  if (folder === undefined) return false;
  const target = tensorflowFolder(device);
  return (await isCurrent(target)) && (await isLinked(folder, target.folder));
}

/**
 * Makes a build of TensorFlow that its npm package loads: libraries and headers out of the wheel, the addon compiled
 * against Node-API. Does nothing where that is done already, and only links where node_modules is new.
 * @throws SetupError
 */
export async function ensureTensorflow(device: Device, options: SetupOptions = {}): Promise<void> {
  if (await isTensorflowReady(device)) return;
  const report = options.onProgress ?? (() => undefined);
  const build = TENSORFLOW_BUILDS[device];
  const target = tensorflowFolder(device);
  const npmFolder = packageFolder(build.package);
  if (npmFolder === undefined)
    throw new SetupError('MISSING_TOOL', `The npm package ${build.package} is not installed`);
  await withLock(cacheFolder(), report, async () => {
    await makeWhole(target, async (temporary) => {
      await removeAbandonedDownloads();
      await requireSpace(cacheFolder(), build.neededBytes, `TensorFlow for ${device}`);
      // Found missing now rather than after a long download.
      const compiler = await requireCompiler();
      await unpackLibraries(build, temporary, options);
      await compileAddon(compiler.command, npmFolder, temporary, report);
    });
    await link(npmFolder, target.folder, 'deps');
    await link(npmFolder, target.folder, 'lib');
    report(`TensorFlow ${build.version} for ${device} is ready in ${target.folder}`);
  });
}

async function unpackLibraries(build: TensorflowBuild, folder: string, options: SetupOptions): Promise<void> {
  const wheels = [build.wheel, ...build.runtimeWheels];
  const files: string[] = [];
  for (const wheel of wheels) files.push(await ensureWheel(wheel, options));
  const begin = performance.now();
  let totalBytes = 0;
  for (const file of files) totalBytes += (await unzip(file, path.join(folder, 'deps'), chooseFile)).totalBytes;
  const libraries = path.join(folder, 'deps/lib');
  for (const name of ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2']) {
    if (!existsSync(path.join(libraries, name))) {
      throw new SetupError('MALFORMED', `${build.wheel.project} ${build.wheel.version} has no tensorflow/${name}`);
    }
  }
  // The names that the linker looks for.
  await symlink('libtensorflow_cc.so.2', path.join(libraries, 'libtensorflow.so'));
  await symlink('libtensorflow_framework.so.2', path.join(libraries, 'libtensorflow_framework.so'));
  // The framework opens CUDA's libraries along its own RUNPATH, which leaves out cuSOLVER's folder; without it there is no GPU.
  const cusolver = 'nvidia/cusolver/lib/libcusolver.so.11';
  if (existsSync(path.join(folder, 'deps', cusolver))) {
    await symlink(`../../../${cusolver}`, path.join(folder, 'deps/nvidia/cublas/lib/libcusolver.so.11'));
  }
  options.onProgress?.(`TensorFlow ${build.version}: unpacked ${formatBytes(totalBytes)} in ${secondsSince(begin)}`);
}

function chooseFile(name: string): string | undefined {
  if (name === 'tensorflow/libtensorflow_cc.so.2') return 'lib/libtensorflow_cc.so.2';
  if (name === 'tensorflow/libtensorflow_framework.so.2') return 'lib/libtensorflow_framework.so.2';
  const header = NEEDED_HEADERS.exec(name)?.[1];
  if (header !== undefined) return path.join('include', header);
  // TensorFlow's run path leads from its own folder to ../nvidia/NAME/lib, and those libraries find each other likewise.
  return CUDA_LIBRARY.test(name) ? name : undefined;
}

async function compileAddon(
  compiler: string,
  npmFolder: string,
  folder: string,
  report: (line: string) => void,
): Promise<void> {
  const begin = performance.now();
  const headers = path.join(path.dirname(require.resolve('node-api-headers/package.json')), 'include');
  await mkdir(path.join(folder, path.dirname(ADDON)), { recursive: true });
  const { code, output } = await runCommand(
    compiler,
    [
      ...['-O2', '-std=gnu++17', '-shared', '-fPIC', '-w'],
      ...['-DNAPI_VERSION=8', '-DNODE_GYP_MODULE_NAME=tfjs_binding', '-DBUILDING_NODE_EXTENSION'],
      ...['-I', headers, '-I', '.', '-I', path.join(folder, 'deps/include')],
      ...['binding/tfjs_backend.cc', 'binding/tfjs_binding.cc', '-o', path.join(folder, ADDON)],
      // Old-style tags: this path comes before LD_LIBRARY_PATH, where another TensorFlow may lie.
      ...['-L', path.join(folder, 'deps/lib'), '-Wl,--disable-new-dtags', '-Wl,-rpath,$ORIGIN/../../deps/lib'],
      ...['-ltensorflow', '-ltensorflow_framework'],
    ],
    { folder: npmFolder },
  );
  if (code !== 0) {
    throw new SetupError('BUILD_FAILED', `${compiler} could not compile TensorFlow's Node addon:\n${output.trim()}`);
  }
  const { size } = await stat(path.join(folder, ADDON));
  report(`TensorFlow's Node addon: compiled ${formatBytes(size)} in ${secondsSince(begin)}`);
}

async function isLinked(npmFolder: string, folder: string): Promise<boolean> {
  const links = await Promise.all(['deps', 'lib'].map((name) => readlink(path.join(npmFolder, name)).catch(() => '')));
  return links[0] === path.join(folder, 'deps') && links[1] === path.join(folder, 'lib');
}

/** Puts a link to the cache in place of whatever the npm package has under that name. */
async function link(npmFolder: string, folder: string, name: string): Promise<void> {
  const from = path.join(npmFolder, name);
  const to = path.join(folder, name);
  if ((await readlink(from).catch(() => '')) === to) return;
  const temporary = `${from}.partial-${process.pid}`;
  const replaced = `${temporary}-replaced`;
  await rm(temporary, { recursive: true, force: true });
  await symlink(to, temporary);
  const found = await lstat(from).catch(() => undefined);
  // A rename replaces a link, not a folder; moved aside first, a folder is gone for no longer than the two renames take.
  if (found?.isDirectory() === true) await rename(from, replaced);
  await rename(temporary, from);
  await rm(replaced, { recursive: true, force: true });
}
