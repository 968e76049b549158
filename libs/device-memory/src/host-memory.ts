import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { DeviceMemorySample } from './sample.ts';

/** Files of a container's memory, version 2 and 1 of control groups; absent, or with an enormous limit, where there is none. */
const CGROUPS = [
  {
    limit: 'sys/fs/cgroup/memory.max',
    usage: 'sys/fs/cgroup/memory.current',
    statistics: 'sys/fs/cgroup/memory.stat',
    reclaimable: 'inactive_file',
    events: 'sys/fs/cgroup/memory.events',
  },
  {
    limit: 'sys/fs/cgroup/memory/memory.limit_in_bytes',
    usage: 'sys/fs/cgroup/memory/memory.usage_in_bytes',
    statistics: 'sys/fs/cgroup/memory/memory.stat',
    reclaimable: 'total_inactive_file',
    events: 'sys/fs/cgroup/memory/memory.oom_control',
  },
] as const;

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

/** A field of a file of `Name:  123 kB` lines, in bytes. */
function kilobyteField(text: string | undefined, field: string): number {
  const match = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(text ?? '');
  return Number(match?.[1] ?? 0) * 1024;
}

/** Resident bytes of a process now and at its peak since the last reset; zeros when it is gone (proc(5)). */
export function processMemory(pid: number): {
  residentBytes: number;
  peakResidentBytes: number;
  anonymousBytes: number;
} {
  const status = read(`/proc/${pid}/status`);
  return {
    residentBytes: kilobyteField(status, 'VmRSS'),
    peakResidentBytes: kilobyteField(status, 'VmHWM'),
    anonymousBytes: kilobyteField(status, 'RssAnon'),
  };
}

/**
 * Memory of the machine, or of the container where its limit is lower.
 * @param root of the file system whose `proc` and `sys` are read
 */
export function hostMemory(root = '/'): { totalBytes: number; freeBytes: number } {
  const text = read(path.join(root, 'proc/meminfo'));
  let totalBytes = kilobyteField(text, 'MemTotal');
  let freeBytes = kilobyteField(text, 'MemAvailable');
  for (const files of CGROUPS) {
    const limitBytes = Number(read(path.join(root, files.limit))?.trim());
    if (!(limitBytes > 0 && limitBytes < totalBytes)) continue;
    const usedBytes = Number(read(path.join(root, files.usage))?.trim() ?? 0);
    // Pages of files that the kernel drops when memory is asked for count as used there.
    const statistics = new RegExp(`^${files.reclaimable} (\\d+)$`, 'm').exec(
      read(path.join(root, files.statistics)) ?? '',
    );
    const left = limitBytes - Math.max(0, usedBytes - Number(statistics?.[1] ?? 0));
    totalBytes = limitBytes;
    freeBytes = Math.max(0, Math.min(freeBytes, left));
  }
  return { totalBytes, freeBytes };
}

/**
 * How many processes of this container the kernel has killed because there was no memory left for them; 0 where it does not tell,
 * as outside of a container with control groups of version 2.
 * @param root of the file system whose `sys` is read
 */
export function memoryKillCount(root = '/'): number {
  const texts = CGROUPS.map(({ events }) => read(path.join(root, events)) ?? '');
  return Math.max(...texts.map((text) => Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0)));
}

/** A sample of the host, labelled so. */
export function sampleHost(pid: number | undefined): DeviceMemorySample {
  const { totalBytes, freeBytes } = hostMemory();
  const measured = pid === undefined ? undefined : processMemory(pid);
  return {
    time: new Date(),
    source: 'HOST',
    deviceIndex: 0,
    deviceName: 'host',
    usedBytes: totalBytes - freeBytes,
    freeBytes,
    reservedBytes: 0,
    totalBytes,
    processBytes: measured?.residentBytes ?? 0,
    processPeakBytes: measured?.peakResidentBytes ?? 0,
    utilization: undefined,
  };
}
