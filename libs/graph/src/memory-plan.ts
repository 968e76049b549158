import { elementCount, evaluateDimension } from './dimension.ts';
import { DTYPE_SIZE_BYTES } from './dtype.ts';
import type { GraphBuilder } from './graph-builder.ts';
import type { Variable } from './ops/variable.ts';
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

// Ops that write over an operand of the same size when nothing else reads it any more (TensorFlow's buffer forwarding).
const FORWARDING_OPS = new Set([
  'AddV2', 'Sub', 'Mul', 'RealDiv', 'Neg', 'Erf', 'Exp', 'Square', 'Sigmoid', 'Tanh', 'TanhGrad', 'Relu', 'ReluGrad', 'Rsqrt', 'Softmax', 'BiasAdd', 'SquaredDifference', 'Log',
]); // prettier-ignore

// Ops that need nothing but what is fed run when the step begins, wherever they stand in the graph.
const SOURCE_OPS = new Set(['Const', 'Placeholder']);

// A tensor is allocated in blocks of 64 bytes.
const ALIGNMENT_BYTES = 64;

// What a session keeps for a variable beside its value: a scalar tensor that holds a ResourceHandle, as TensorFlow 2.21
// logs it.
const HANDLE_BYTES = 200;

/** What a plan counts beside the nodes that a step runs. */
export interface MemoryPlanOptions {
  /** Tensors to count as gradients. */
  readonly gradients?: ReadonlySet<Tensor>;
  /** Variables that the session holds, whether or not this step uses them. */
  readonly variables?: readonly Variable[];
  /** Device whose memory is planned; the engine's first where not given. */
  readonly device?: string;
}

interface Buffer {
  readonly bytes: number;
  readonly category: MemoryCategory;
  lastUse: number;
}

/**
 * Every node that `targets` need, in the order in which they were added (which is a topological order), but for ops that
 * give nothing on (updates of variables): these run as soon as what they need is there.
 */
function reachable(builder: GraphBuilder, targets: readonly GraphNode[]): GraphNode[] {
  const needed = new Set<GraphNode>();
  const open = [...targets];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (needed.has(node)) continue;
    needed.add(node);
    for (const input of node.inputs) open.push(input.node);
    open.push(...node.controlInputs);
  }
  return pullForward(builder.nodes.filter((node) => needed.has(node)));
}

function pullForward(nodes: readonly GraphNode[]): GraphNode[] {
  const followers = new Map<GraphNode, GraphNode[]>();
  const place = new Map(nodes.map((node, index) => [node, index]));
  const pulled = new Set<GraphNode>();
  for (const node of nodes) {
    if (node.outputs.length > 0 || node.op === 'NoOp') continue;
    const needs = [...node.inputs.map((input) => input.node), ...node.controlInputs];
    const last = needs.reduce<GraphNode | undefined>(
      (latest, one) => (latest === undefined || (place.get(one) ?? 0) > (place.get(latest) ?? 0) ? one : latest),
      undefined,
    );
    if (last === undefined) continue;
    followers.set(last, [...(followers.get(last) ?? []), node]);
    place.set(node, place.get(last) ?? 0);
    pulled.add(node);
  }
  const ordered: GraphNode[] = [];
  const add = (node: GraphNode): void => {
    ordered.push(node);
    followers.get(node)?.forEach(add);
  };
  for (const node of nodes) if (!pulled.has(node)) add(node);
  return ordered;
}

/**
 * Simulates a run of `targets` node by node and finds the moment at which most bytes are alive. Variables, constants and
 * feeds are alive throughout; a tensor is alive from its node to its last reader; views share their source's buffer;
 * elementwise ops take over the buffer of an operand that they are the last to read. What another device made is there from
 * the moment when it is made, as a copy; what another device reads is there until the end.
 * @param bindings values of the symbols, e.g. `{ batch: 16, length: 128 }`
 * @throws GraphError UNBOUND_SYMBOL
 */
export function planMemory(
  builder: GraphBuilder,
  targets: readonly GraphNode[],
  bindings: Readonly<Record<string, number>>,
  options: MemoryPlanOptions = {},
): MemoryPlan {
  const { device = '' } = options;
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
  const handles = nodes.filter((node) => node.op === 'VarHandleOp');
  for (const handle of new Set([...handles, ...(options.variables ?? []).map((one) => one.handle.node)]))
    if (handle.device === device) addVariable(handle, resident);
  assignBuffers(nodes, device, buffers, sizeOf, options.gradients ?? new Set());

  const live = { ...resident };
  let total = Object.values(live).reduce((sum, bytes) => sum + bytes, 0);
  let peak = total;
  let atPeak = { ...live };
  const distinct = [...new Set(buffers.values())];
  const ending = new Map<number, Buffer[]>();
  for (const buffer of distinct) ending.set(buffer.lastUse, [...(ending.get(buffer.lastUse) ?? []), buffer]);
  const started = new Set<Buffer>();
  const start = (node: GraphNode): void => {
    for (const output of node.outputs) {
      const buffer = buffers.get(output);
      if (buffer === undefined || started.has(buffer)) continue;
      started.add(buffer);
      live[buffer.category] += buffer.bytes;
      total += buffer.bytes;
    }
  };
  for (const node of immediate(nodes)) start(node);
  nodes.forEach((node, index) => {
    start(node);
    const scratch = node.device === device ? scratchBytes(node, sizeOf) : 0;
    if (total + scratch > peak) {
      peak = total + scratch;
      atPeak = { ...live, workspace: live.workspace + scratch };
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

/** Whether a value is there for the whole step. The engine makes a range between constants a constant of its own. */
function isSource(node: GraphNode): boolean {
  return SOURCE_OPS.has(node.op) || (node.op === 'Range' && node.inputs.every((input) => input.node.op === 'Const'));
}

/** Nodes whose inputs are feeds and constants, or come from nodes of that kind. */
function immediate(nodes: readonly GraphNode[]): Set<GraphNode> {
  const found = new Set<GraphNode>();
  for (const node of nodes) {
    const hasInputs = node.inputs.length > 0 && node.inputs.every((input) => found.has(input.node));
    if (isSource(node) || (hasInputs && node.controlInputs.every((control) => found.has(control)))) found.add(node);
  }
  return found;
}

/** What an op takes for itself while it runs: products of bfloat16 are computed on float32 copies where a CPU has no other way. */
function scratchBytes(node: GraphNode, sizeOf: (tensor: Tensor) => number): number {
  const isProduct = node.op === 'MatMul' || node.op === 'BatchMatMulV2';
  if (!isProduct || node.outputs[0]?.dtype !== 'bfloat16') return 0;
  const float32PerBfloat16 = DTYPE_SIZE_BYTES.float32 / DTYPE_SIZE_BYTES.bfloat16;
  return [...node.inputs, ...node.outputs].reduce((sum, tensor) => sum + float32PerBfloat16 * sizeOf(tensor), 0);
}

function addVariable(handle: GraphNode, resident: Record<MemoryCategory, number>): void {
  const shape = handle.attributes['shape'];
  const dtype = handle.attributes['dtype'];
  if (shape?.kind !== 'shape' || dtype?.kind !== 'dtype') return;
  resident[handle.category] += shape.value.reduce((product, size) => product * size, 1) * DTYPE_SIZE_BYTES[dtype.value];
  resident.workspace += HANDLE_BYTES;
}

function assignBuffers(
  nodes: readonly GraphNode[],
  device: string,
  buffers: Map<Tensor, Buffer>,
  sizeOf: (tensor: Tensor) => number,
  gradients: ReadonlySet<Tensor>,
): void {
  const lastReader = new Map<Tensor, number>();
  nodes.forEach((node, index) => {
    // Another device may come for what it reads at any time until the step's end.
    const readAt = node.device === device ? index : nodes.length;
    for (const input of node.inputs)
      if (node.device === device || input.node.device === device)
        lastReader.set(input, Math.max(lastReader.get(input) ?? 0, readAt));
  });
  nodes.forEach((node, index) => {
    const isElsewhere = node.device !== device;
    // A variable's value is counted by itself; reading it, and a view of what was read, share its buffer.
    if (!isElsewhere && (node.op === 'VarHandleOp' || node.op === 'ReadVariableOp' || isViewOfVariable(node, buffers)))
      return;
    for (const output of node.outputs) {
      if (isElsewhere && !lastReader.has(output)) continue;
      const end = isSource(node) ? nodes.length : (lastReader.get(output) ?? index);
      const shared = isElsewhere ? undefined : sharedBuffer(node, output, index, buffers, sizeOf);
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

function isViewOfVariable(node: GraphNode, buffers: ReadonlyMap<Tensor, Buffer>): boolean {
  const [first] = node.inputs;
  return node.isView && first !== undefined && !buffers.has(first);
}

function sharedBuffer(
  node: GraphNode,
  output: Tensor,
  index: number,
  buffers: ReadonlyMap<Tensor, Buffer>,
  sizeOf: (tensor: Tensor) => number,
): Buffer | undefined {
  const [first] = node.inputs;
  if (node.isView && first !== undefined) return buffers.get(first);
  if (!FORWARDING_OPS.has(node.op)) return undefined;
  const bytes = sizeOf(output);
  for (const input of node.inputs) {
    const buffer = buffers.get(input);
    if (buffer !== undefined && buffer.bytes === bytes && buffer.lastUse === index && input.dtype === output.dtype)
      return buffer;
  }
  return undefined;
}
