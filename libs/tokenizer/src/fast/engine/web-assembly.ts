/** The part of the WebAssembly interface that the engine uses; it is the same in every runtime. */
interface WebAssemblyInterface {
  readonly Memory: new (descriptor: { readonly initial: number }) => WebAssemblyMemory;
  readonly Module: new (bytes: Uint8Array) => WebAssemblyModule;
  readonly Instance: new (
    module: WebAssemblyModule,
    imports: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
  ) => { readonly exports: unknown };
}

export interface WebAssemblyMemory {
  readonly buffer: ArrayBuffer;
  /** @returns the number of pages before */
  grow(pages: number): number;
}

/** Compiled code. */
export type WebAssemblyModule = Readonly<Record<never, never>>;

// TypeScript declares it with the web's interfaces only, which not every runtime has.
export const webAssembly: WebAssemblyInterface = (globalThis as unknown as { WebAssembly: WebAssemblyInterface })
  .WebAssembly;
