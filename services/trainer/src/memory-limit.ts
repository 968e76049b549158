import { MemoryLimitSource, type RunSpec } from '@pemmican/contract/trainer';

/**
 * Resident bytes of a run's process with the engine loaded and nothing in it: Node, mapped libraries, thread pools.
 * Measured with `tools/benchmarks/src/engine-idle.ts`; it comes on top of what the plan counts.
 */
export const ENGINE_BYTES = 400_000_000;

// Under a budget the engine cuts tensors out of one region and never moves them, so that there are gaps: of five shapes tried,
// four trained within 1.1 times their plan, and one with matrices of a sixth of it needed 1.3 times.
const BUDGET_SHARE = 0.7;

// What allocators keep beside live tensors is not planned: processes were measured at up to 1.5 times their plan, the engine
// aside. Nobody set this limit, and to be killed is worse than smaller batches.
const FREE_SHARE = 0.6;

/** What a step has to fit. */
export interface MemoryLimit {
  readonly source: MemoryLimitSource;
  /** As it was given or measured. */
  readonly bytes: number;
  /** What of it is left to tensors; a planned peak must not be above it. */
  readonly tensorBytes: number;
}

/**
 * The tightest of the limits that a run was given; where it was given none, the free memory.
 * @param readFreeBytes measures the device's free memory, before the engine is loaded
 */
export function memoryLimitOf(spec: RunSpec, readFreeBytes: () => number): MemoryLimit {
  const budgetBytes = spec.memoryBudgetBytes;
  const processBytes = spec.options?.autoFindMemoryBytes ?? 0;
  const limits: MemoryLimit[] = [];
  if (budgetBytes > 0)
    limits.push({
      source: MemoryLimitSource.MEMORY_BUDGET,
      bytes: budgetBytes,
      tensorBytes: Math.floor(budgetBytes * BUDGET_SHARE),
    });
  if (processBytes > 0)
    limits.push({
      source: MemoryLimitSource.PROCESS_MEMORY,
      bytes: processBytes,
      tensorBytes: Math.max(0, processBytes - ENGINE_BYTES),
    });
  if (limits.length > 0) return limits.reduce((a, b) => (b.tensorBytes < a.tensorBytes ? b : a));
  const freeBytes = readFreeBytes();
  return {
    source: MemoryLimitSource.FREE_MEMORY,
    bytes: freeBytes,
    tensorBytes: Math.max(0, Math.floor((freeBytes - ENGINE_BYTES) * FREE_SHARE)),
  };
}

/** How a message names a limit. */
export function describeLimit({ source, bytes, tensorBytes }: MemoryLimit): string {
  return `${tensorBytes} bytes for tensors (${LIMIT_NAMES[source]} ${bytes})`;
}

const LIMIT_NAMES: Readonly<Record<MemoryLimitSource, string>> = {
  [MemoryLimitSource.UNSPECIFIED]: 'limit',
  [MemoryLimitSource.MEMORY_BUDGET]: 'memory_budget_bytes',
  [MemoryLimitSource.PROCESS_MEMORY]: 'auto_find_memory_bytes',
  [MemoryLimitSource.FREE_MEMORY]: 'free memory',
};
