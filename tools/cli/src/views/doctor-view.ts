import type { DoctorReport, TensorflowReport } from '@pemmican/setup';

import type { Colors } from '../output/output.ts';
import { formatBytes } from '../output/units.ts';

/** Free disk below this is too little for a run on a model of a few hundred megabytes. */
const LOW_DISK_BYTES = 4e9;

/** Something that is needed and missing, with how to get it. */
export interface DoctorProblem {
  readonly what: string;
  readonly remedy: string;
}

/** What keeps pemmican from working on this machine. */
export function findProblems(report: DoctorReport): DoctorProblem[] {
  const problems: DoctorProblem[] = [];
  if (!report.node.isPinned) {
    problems.push({
      what: `Node ${report.node.version} runs in place of the pinned ${report.node.pinnedVersion}`,
      remedy: 'Run `npm run setup`, then start pemmican by `npx pemmican`.',
    });
  }
  if (!report.tensorflow.some(works)) {
    const cpu = report.tensorflow.find(({ device }) => device === 'cpu');
    const because = cpu?.error === undefined ? '' : ` (${cpu.error})`;
    problems.push({
      what:
        cpu?.isSetUp === true ? `libtensorflow is set up but does not load${because}` : 'libtensorflow is not set up',
      remedy: 'Run `npm run setup`.' + (report.compiler === undefined ? ' It needs g++: `apt-get install g++`.' : ''),
    });
  }
  if (report.disk.freeBytes < LOW_DISK_BYTES) {
    problems.push({
      what: `${formatBytes(report.disk.freeBytes)} are free where ${report.disk.cacheFolder} lies`,
      remedy: 'Make room, or put the cache elsewhere with PEMMICAN_CACHE_DIR.',
    });
  }
  return problems;
}

/** What was found, for people. */
export function renderDoctor(report: DoctorReport, problems: readonly DoctorProblem[], colors: Colors): string {
  const good = colors.green('✓');
  const bad = colors.red('✗');
  const absent = colors.dim('–');
  const line = (mark: string, name: string, text: string): string => `${mark} ${name.padEnd(NAME_WIDTH)} ${text}`;
  const { node, disk, memory } = report;
  const lines = [
    line(
      node.isPinned ? good : bad,
      'Node',
      `${node.version}${node.isPinned ? ' (pinned)' : `, pinned is ${node.pinnedVersion}`}  ${colors.dim(node.path)}`,
    ),
    ...report.tensorflow.map((entry) =>
      line(
        works(entry) ? good : entry.device === 'cpu' ? bad : absent,
        `libtensorflow ${entry.device}`,
        describeTensorflow(entry),
      ),
    ),
    ...report.devices.map((device) =>
      line(
        good,
        'device',
        `${device.device}: ${device.name}${device.threadCount === undefined ? '' : `, ${device.threadCount} threads`}`,
      ),
    ),
    line(
      report.isNvmlFound ? good : absent,
      'NVML',
      report.isNvmlFound ? 'found' : 'not found: memory is measured on the host',
    ),
    line(
      report.compiler === undefined ? absent : good,
      'C++ compiler',
      report.compiler === undefined ? 'not found (only the set-up needs it)' : report.compiler.version,
    ),
    line(
      report.python === undefined ? absent : good,
      'Python',
      report.python === undefined ? 'not found (only the set-up needs it)' : report.python.version,
    ),
    line(
      disk.freeBytes < LOW_DISK_BYTES ? bad : good,
      'disk',
      `${formatBytes(disk.freeBytes)} free  ${colors.dim(disk.cacheFolder)}`,
    ),
    line(good, 'memory', `${formatBytes(memory.availableBytes)} of ${formatBytes(memory.totalBytes)} available`),
    ...report.assets.map((asset) =>
      line(
        asset.isReady ? good : absent,
        asset.name,
        asset.isReady ? colors.dim(asset.folder) : 'not fetched yet (`pemmican demo` fetches what it needs)',
      ),
    ),
    line(
      report.pythonEnvironment.isReady ? good : absent,
      'oracle Python',
      report.pythonEnvironment.isReady ? 'ready' : 'not made (only tests against PyTorch need it)',
    ),
  ];
  const remedies = problems.map((problem) => `${colors.red('missing:')} ${problem.what}\n         ${problem.remedy}`);
  return [
    ...lines,
    '',
    ...(remedies.length > 0 ? remedies : [colors.green('Everything that is needed is there.')]),
  ].join('\n');
}

const NAME_WIDTH = 22;

function works(entry: TensorflowReport): boolean {
  return entry.isSetUp && entry.version !== undefined && entry.error === undefined;
}

function describeTensorflow(entry: TensorflowReport): string {
  if (!entry.isSetUp)
    return entry.device === 'gpu' ? 'not set up (`npm run setup -- --gpu` takes the CUDA build)' : 'not set up';
  if (entry.error !== undefined) return entry.error;
  return [entry.version ?? '', entry.package, ...(entry.isUsingGpuDevice === true ? ['using the GPU'] : [])].join('  ');
}
