import { readFileSync } from 'node:fs';
import type { DeviceMemorySample } from './sample.ts';

/** Limits of a container, version 2 and 1 of control groups; absent or enormous where there is none. */
const CGROUP_LIMIT_FILES = ['/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory/memory.limit_in_bytes'];

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

/** Memory of the machine, or of the container where its limit is lower. */
export function hostMemory(): { totalBytes: number; freeBytes: number } {
  const text = read('/proc/meminfo');
  const machineBytes = kilobyteField(text, 'MemTotal');
  const availableBytes = kilobyteField(text, 'MemAvailable');
  const limits = CGROUP_LIMIT_FILES.map((file) => Number(read(file)?.trim())).filter(
    (limit) => Number.isFinite(limit) && limit > 0,
  );
  const totalBytes = Math.min(machineBytes, ...limits);
  return { totalBytes, freeBytes: Math.min(availableBytes, totalBytes) };
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
