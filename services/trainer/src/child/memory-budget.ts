import { EngineError } from '@pemmican/engine';

const FLOAT32_BYTES = 4;

/**
 * Refuses a budget that the weights alone do not fit. The engine itself waits ten seconds for memory at each tensor before it says
 * so, and with some models ends the process.
 * @param shapes of the weights, which are float32 in the engine
 * @param budgetBytes 0 means no limit
 * @throws EngineError OUT_OF_MEMORY
 */
export function requireRoomForWeights(shapes: readonly (readonly number[])[], budgetBytes: number): void {
  const elementCount = shapes.reduce((sum, shape) => sum + shape.reduce((product, size) => product * size, 1), 0);
  const weightBytes = elementCount * FLOAT32_BYTES;
  if (budgetBytes === 0 || weightBytes <= budgetBytes) return;
  throw new EngineError(
    'OUT_OF_MEMORY',
    `memory_budget_bytes is ${budgetBytes}, and the weights alone take ${weightBytes} bytes`,
  );
}
