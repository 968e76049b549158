import type { Output } from '../output/output.ts';
import { BarProgress } from './bar-progress.ts';
import { LineProgress } from './line-progress.ts';

/** Shows how far one stage is, on stderr. */
export interface Progress {
  /** Says how far the stage is: a share from 0 to 1, and what else is worth saying. */
  update(share: number, detail: string): void;
  /** Ends the stage; the line that stays. */
  succeed(summary: string): void;
  /** Ends the stage without success. */
  fail(): void;
  /** Prints a line without breaking the bar. */
  note(line: string): void;
}

/** Starts to show a stage: a bar on a terminal, calm lines elsewhere, nothing with `--quiet`. */
export function startProgress(title: string, output: Output): Progress {
  if (output.isQuiet) return new SilentProgress();
  return output.stderr.isTTY === true ? new BarProgress(title, output) : new LineProgress(title, output);
}

class SilentProgress implements Progress {
  update(): void {
    // --quiet
  }
  succeed(): void {
    // --quiet
  }
  fail(): void {
    // --quiet
  }
  note(): void {
    // --quiet
  }
}
