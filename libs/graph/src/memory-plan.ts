import { elementCount, evaluateDimension } from './dimension.ts';
import { DTYPE_SIZE_BYTES } from './dtype.ts';
import type { GraphBuilder } from './graph-builder.ts';
import type { GraphNode, MemoryCategory, Tensor } from './tensor.ts';

/** Bytes alive at the moment of a step's peak, by what they are for. */
export interface MemoryPlan {
  readonly weightBytes: number;
  readonly gradientBytes: number;
  readonly optimizerBytes: number;
  readonly activationBytes: number;
  readonly workspaceBytes: number;
  readonly peakBytes: number;
}

// Ops whose output is a view of their first input.
const VIEW_OPS = new Set(['Identity', 'Reshape', 'ExpandDims']);

// Ops that write over an operand of the same size when nothing else reads it any more (TensorFlow's buffer forwarding).
const FORWARDING_OPS = new Set([
  'AddV2', 'Sub', 'Mul', 'RealDiv', 'Neg', 'Erf', 'Exp', 'Square', 'Tanh', 'TanhGrad', 'Relu', 'ReluGrad', 'Rsqrt', 'Softmax', 'BiasAdd', 'SquaredDifference',
]); // prettier-ignore

// A tensor is allocated in blocks of 64 bytes.
const ALIGNMENT_BYTES = 64;

interface Buffer {
  readonly bytes: number;
  readonly category: MemoryCategory;
  lastUse: number;
}

/** Every node that `targets` need, in the order in which they were added (which is a topological order). */
function reachable(builder: GraphBuilder, targets: readonly GraphNode[]): GraphNode[] {
  const needed = new Set<GraphNode>();
  const open = [...targets];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (needed.has(node)) continue;
    needed.add(node);
    for (const input of node.inputs) open.push(input.node);
    open.push(...node.controlInputs);
  }
  return builder.nodes.filter((node) => needed.has(node));
}

/**
 * Simulates a run of `targets` node by node and finds the moment at which most bytes are alive. Variables are alive
 * throughout; a tensor is alive from its node to its last reader; views share their source's buffer; elementwise ops
 * take over the buffer of an operand that they are the last to read.
 * @param bindings values of the symbols, e.g. `{ batch: 16, length: 128 }`
 * @param gradients tensors to count as gradients
 * @throws GraphError UNBOUND_SYMBOL
 */
export function planMemory(
  builder: GraphBuilder,
  targets: readonly GraphNode[],
  bindings: Readonly<Record<string, number>>,
  gradients: ReadonlySet<Tensor> = new Set(),
): MemoryPlan {
  const nodes = reachable(builder, targets);
  const buffers = new Map<Tensor, Buffer>();
  const sizeOf = (tensor: Tensor): number => {
    const bytes = evaluateDimension(elementCount(tensor.shape), bindings) * DTYPE_SIZE_BYTES[tensor.dtype];
    return Math.ceil(bytes / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
  };
  const resident: Record<MemoryCategory, number> = {
    weights: 0,
    gradients: 0,
    optimizer: 0,
    activations: 0,
    workspace: 0,
  };
  assignBuffers(nodes, buffers, sizeOf, gradients, resident);

  const live = { ...resident };
  let total = Object.values(live).reduce((sum, bytes) => sum + bytes, 0);
  let peak = total;
  let atPeak = { ...live };
  const distinct = [...new Set(buffers.values())];
  const ending = new Map<number, Buffer[]>();
  for (const buffer of distinct) ending.set(buffer.lastUse, [...(ending.get(buffer.lastUse) ?? []), buffer]);
  const started = new Set<Buffer>();
  nodes.forEach((node, index) => {
    for (const output of node.outputs) {
      const buffer = buffers.get(output);
      if (buffer === undefined || started.has(buffer)) continue;
      started.add(buffer);
      live[buffer.category] += buffer.bytes;
      total += buffer.bytes;
    }
    if (total > peak) {
      peak = total;
      atPeak = { ...live };
    }
    for (const buffer of ending.get(index) ?? []) {
      live[buffer.category] -= buffer.bytes;
      total -= buffer.bytes;
    }
  });
  return {
    weightBytes: atPeak.weights,
    gradientBytes: atPeak.gradients,
    optimizerBytes: atPeak.optimizer,
    activationBytes: atPeak.activations,
    workspaceBytes: atPeak.workspace,
    peakBytes: peak,
  };
}

function assignBuffers(
  nodes: readonly GraphNode[],
  buffers: Map<Tensor, Buffer>,
  sizeOf: (tensor: Tensor) => number,
  gradients: ReadonlySet<Tensor>,
  resident: Record<MemoryCategory, number>,
): void {
  const lastReader = new Map<Tensor, number>();
  nodes.forEach((node, index) => {
    for (const input of node.inputs) lastReader.set(input, index);
  });
  nodes.forEach((node, index) => {
    if (node.op === 'VarHandleOp') {
      const shape = node.attributes['shape'];
      const dtype = node.attributes['dtype'];
      if (shape?.kind === 'shape' && dtype?.kind === 'dtype') {
        resident[node.category] +=
          shape.value.reduce((product, size) => product * size, 1) * DTYPE_SIZE_BYTES[dtype.value];
      }
      return;
    }
    if (node.op === 'ReadVariableOp') return;
    for (const output of node.outputs) {
      const end = lastReader.get(output) ?? index;
      const shared = sharedBuffer(node, output, index, buffers, sizeOf);
      if (shared !== undefined) {
        shared.lastUse = Math.max(shared.lastUse, end);
        buffers.set(output, shared);
        continue;
      }
      buffers.set(output, {
        bytes: sizeOf(output),
        category: gradients.has(output) ? 'gradients' : node.category,
        lastUse: end,
      });
    }
  });
}

function sharedBuffer(
  node: GraphNode,
  output: Tensor,
  index: number,
  buffers: ReadonlyMap<Tensor, Buffer>,
  sizeOf: (tensor: Tensor) => number,
): Buffer | undefined {
  const [first] = node.inputs;
  if (VIEW_OPS.has(node.op) && first !== undefined) return buffers.get(first);
  if (!FORWARDING_OPS.has(node.op)) return undefined;
  const bytes = sizeOf(output);
  for (const input of node.inputs) {
    const buffer = buffers.get(input);
    if (buffer !== undefined && buffer.bytes === bytes && buffer.lastUse === index && input.dtype === output.dtype)
      return buffer;
  }
  return undefined;
}
