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

/** Largest resident set of this process so far. */
export function peakResidentBytes(): number {
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? 0) * 1024;
}
