import { readFileSync } from 'node:fs';
import type { Measure } from './plan.ts';

/** Starts a clock; what it returns reads it. */
export function startClock(): () => Measure {
  const cpu = process.cpuUsage();
  const begin = performance.now();
  return () => {
    const wallMs = performance.now() - begin;
    const { user, system } = process.cpuUsage(cpu);
    return { wallMs, cpuMs: (user + system) / 1000 };
  };
}

/** Largest resident set of a process so far, of this one where none is named. */
export function peakResidentBytes(pid: number | 'self' = 'self'): number {
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
}
