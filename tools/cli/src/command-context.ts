import type { Interrupt } from './interrupt.ts';
import type { Output } from './output/output.ts';

/** What a verb's action is given besides its options. */
export interface CommandContext {
  readonly output: Output;
  readonly interrupt: Interrupt;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The command line's words after the program's name, to print how to go on. */
  readonly commandLine: readonly string[];
}
