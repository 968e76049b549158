// What TensorFlow's own memory log says that tensors took during training steps.
import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { engineEnvironment } from '@pemmican/engine';
import type { MemoryPlan } from '@pemmican/graph';
import type { LiveMemoryRequest } from './live-memory-child.ts';

/** Largest sum of the bytes of live tensors in the steps, beside what was planned. */
export interface LiveMemory {
  readonly liveBytes: number;
  readonly plan: MemoryPlan;
}

/** Of the engine's first device, and of another one where there is one. */
export interface LiveMemoryOfDevices extends LiveMemory {
  readonly otherDevice?: LiveMemory;
}

/**
 * Makes the steps in a process that logs every tensor.
 * @param interOpThreadCount ops that run at a time; as many as there are cores where not given
 */
export function measureLiveMemory(request: LiveMemoryRequest, interOpThreadCount?: number): LiveMemoryOfDevices {
  const folder = mkdtempSync(path.join(tmpdir(), 'pemmican-live-memory-'));
  try {
    const logFile = path.join(folder, 'log');
    const devicesFile = path.join(folder, 'devices.json');
    // A file and not a pipe: TensorFlow drops lines where a pipe is full.
    const log = openSync(logFile, 'w');
    const { status, stdout } = spawnSync(
      process.execPath,
      [path.join(import.meta.dirname, 'live-memory-child.ts'), JSON.stringify({ ...request, devicesFile })],
      {
        env: {
          ...process.env,
          ...engineEnvironment(),
          ...(interOpThreadCount === undefined ? {} : { TF_NUM_INTEROP_THREADS: String(interOpThreadCount) }),
          TF_CPP_VMODULE: 'log_memory=2',
          TF_CPP_MIN_LOG_LEVEL: '0',
        },
        stdio: ['ignore', 'pipe', log],
        encoding: 'utf8',
      },
    );
    closeSync(log);
    const text = readFileSync(logFile, 'utf8');
    if (status !== 0) throw new Error(`The steps ended with ${status}: ${text.slice(-2000)}`);
    // TensorFlow tells of its devices on the same stream.
    const { plan, otherPlan } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as {
      readonly plan: MemoryPlan;
      readonly otherPlan?: MemoryPlan;
    };
    if (otherPlan === undefined) return { liveBytes: peakOf(text, () => true), plan };
    const others = nodesOfOthers(JSON.parse(readFileSync(devicesFile, 'utf8')) as [string, string[]][]);
    return {
      liveBytes: peakOf(text, (node) => !others.has(node)),
      plan,
      otherDevice: { liveBytes: peakOf(text, (node) => others.has(node)), plan: otherPlan },
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Nodes that ran on another device than the first. */
function nodesOfOthers(devices: readonly (readonly [device: string, nodes: readonly string[]])[]): Set<string> {
  return new Set(devices.flatMap(([device, nodes]) => (device.endsWith(':0') ? [] : nodes)));
}

/** @param counts whether what a node makes is counted */
function peakOf(log: string, counts: (node: string) => boolean): number {
  const live = new Map<string, number>();
  // An op's thread may log that a tensor is gone before the op logs that it made it.
  const gone = new Set<string>();
  let [bytes, peakBytes] = [0, 0];
  for (const line of log.split('\n')) {
    const id = /allocation_id: (\d+)/.exec(line)?.[1];
    if (line.startsWith('STEPS BEGIN')) peakBytes = bytes;
    else if (id !== undefined && line.includes('MemoryLogTensorAllocation')) {
      if (live.has(id) || gone.has(id)) continue;
      const isCounted = counts(/kernel_name: "([^"]*)"/.exec(line)?.[1] ?? '');
      const size = isCounted ? Number(/allocated_bytes: (\d+)/.exec(line)?.[1] ?? 0) : 0;
      live.set(id, size);
      bytes += size;
      peakBytes = Math.max(peakBytes, bytes);
    } else if (id !== undefined && line.includes('MemoryLogTensorDeallocation')) {
      gone.add(id);
      bytes -= live.get(id) ?? 0;
      live.delete(id);
    }
  }
  return peakBytes;
}
