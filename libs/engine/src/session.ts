import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { environmentBuild, loadBinding, type TensorflowBinding, type TensorflowBuild } from './binding.ts';
import { EngineError, toEngineError } from './error.ts';

/** A dense, row-major host tensor (structurally `TensorValue` of `@pemmican/graph`). */
export type HostTensor =
  | { readonly dtype: 'float32'; readonly shape: readonly number[]; readonly data: Float32Array }
  | { readonly dtype: 'int32'; readonly shape: readonly number[]; readonly data: Int32Array };

/** A TensorFlow session with the variables of one graph. */
export class TensorflowSession {
  readonly #binding: TensorflowBinding;
  #sessionId: number | undefined;

  private constructor(binding: TensorflowBinding, sessionId: number) {
    this.#binding = binding;
    this.#sessionId = sessionId;
  }

  /**
   * Opens a session on the bytes of a `saved_model.pb` with the tag `serve`.
   * @param options.build the environment's choice where not given
   * @throws EngineError UNAVAILABLE, INVALID_GRAPH
   */
  static open(savedModel: Uint8Array, options: { build?: TensorflowBuild } = {}): TensorflowSession {
    const binding = loadBinding(options.build ?? environmentBuild());
    // The C API loads from a folder only.
    const folder = mkdtempSync(path.join(tmpdir(), 'pemmican-graph-'));
    try {
      writeFileSync(path.join(folder, 'saved_model.pb'), savedModel);
      return new TensorflowSession(binding, binding.loadSavedModel(folder, 'serve'));
    } catch (cause) {
      throw new EngineError(
        'INVALID_GRAPH',
        `TensorFlow refuses the graph: ${cause instanceof Error ? cause.message : String(cause)}`,
        { cause },
      );
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  /**
   * Feeds placeholders, runs what the fetches need and returns their values (output 0 of each node). Blocks the thread.
   * @throws EngineError
   */
  run(feeds: Readonly<Record<string, HostTensor>>, fetches: readonly string[]): HostTensor[] {
    if (this.#sessionId === undefined) throw new EngineError('INVALID_ARGUMENT', 'The session is closed');
    const names = Object.keys(feeds);
    const ids: number[] = [];
    try {
      for (const [name, value] of Object.entries(feeds)) ids.push(this.#createTensor(name, value));
      // Splitting lists of names at commas is the addon's, reading ":0" off a fetch too.
      const outputs = this.#binding.runSavedModel(
        this.#sessionId,
        ids,
        names.map((name) => `${name}:0`).join(','),
        fetches.map((name) => `${name}:0`).join(','),
      );
      return this.#takeOutputs(outputs);
    } catch (cause) {
      throw cause instanceof EngineError ? cause : toEngineError(cause);
    } finally {
      for (const id of ids) this.#binding.deleteTensor(id);
    }
  }

  /** Frees the session and its variables. The process keeps the memory for its next session. */
  dispose(): void {
    if (this.#sessionId === undefined) return;
    this.#binding.deleteSavedModel(this.#sessionId);
    this.#sessionId = undefined;
  }

  #createTensor(name: string, value: HostTensor): number {
    const count = value.shape.reduce((product, size) => product * size, 1);
    if (count !== value.data.length) {
      throw new EngineError(
        'INVALID_ARGUMENT',
        `Feed "${name}" has ${value.data.length} elements, its shape [${value.shape.join(', ')}] needs ${count}`,
      );
    }
    return this.#binding.createTensor(
      value.shape,
      value.dtype === 'float32' ? this.#binding.TF_FLOAT : this.#binding.TF_INT32,
      value.data,
    );
  }

  #takeOutputs(outputs: readonly { id: number; shape: number[]; dtype: number }[]): HostTensor[] {
    try {
      return outputs.map(({ id, shape, dtype }) => {
        const data = this.#binding.tensorDataSync(id);
        if (dtype === this.#binding.TF_FLOAT && data instanceof Float32Array) return { dtype: 'float32', shape, data };
        if (dtype === this.#binding.TF_INT32 && data instanceof Int32Array) return { dtype: 'int32', shape, data };
        throw new EngineError('INVALID_ARGUMENT', `Fetches must be float32 or int32; TensorFlow dtype ${dtype} came`);
      });
    } finally {
      // A fetched variable shares its buffer; it must be let go before the next step, or the update copies the variable.
      for (const { id } of outputs) this.#binding.deleteTensor(id);
    }
  }
}
