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

/** Makes the steps in a process that logs every tensor. */
export function measureLiveMemory(request: LiveMemoryRequest): LiveMemory {
  const folder = mkdtempSync(path.join(tmpdir(), 'pemmican-live-memory-'));
  try {
    const logFile = path.join(folder, 'log');
    // A file and not a pipe: TensorFlow drops lines where a pipe is full.
    const log = openSync(logFile, 'w');
    const { status, stdout } = spawnSync(
      process.execPath,
      [path.join(import.meta.dirname, 'live-memory-child.ts'), JSON.stringify(request)],
      {
        env: {
          ...process.env,
          ...engineEnvironment(),
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
    return { liveBytes: peakOf(text), plan: JSON.parse(stdout) as MemoryPlan };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function peakOf(log: string): number {
  const live = new Map<string, number>();
  // An op's thread may log that a tensor is gone before the op logs that it made it.
  const gone = new Set<string>();
  let [bytes, peakBytes] = [0, 0];
  for (const line of log.split('\n')) {
    const id = /allocation_id: (\d+)/.exec(line)?.[1];
    if (line.startsWith('STEPS BEGIN')) peakBytes = bytes;
    else if (id !== undefined && line.includes('MemoryLogTensorAllocation')) {
      if (live.has(id) || gone.has(id)) continue;
      const size = Number(/allocated_bytes: (\d+)/.exec(line)?.[1] ?? 0);
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
