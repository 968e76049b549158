import { SingleBar } from 'cli-progress';

import type { Output } from '../output/output.ts';
import { formatDuration } from '../output/units.ts';
import type { Progress } from './progress.ts';

const BAR_WIDTH = 24;
const TITLE_WIDTH = 9;
const FRAMES_PER_SECOND = 10;

const ERASE_LINE = '\r\u001b[2K';
const WRAP_ON = '\u001b[?7h';
const WRAP_OFF = '\u001b[?7l';

/** Shows a stage as a bar on a terminal; when it ends, a line stays in its place. */
export class BarProgress implements Progress {
  readonly #title: string;
  readonly #output: Output;
  readonly #bar: SingleBar;
  readonly #startTime = performance.now();

  constructor(title: string, output: Output) {
    this.#title = title.padEnd(TITLE_WIDTH);
    this.#output = output;
    const colors = output.noteColors;
    this.#bar = new SingleBar({
      format: `${colors.bold(this.#title)} ${colors.cyan('{bar}')} {percentage} %  {detail}`,
      barCompleteChar: '━',
      barIncompleteChar: colors.isColorSupported ? ' ' : '·',
      barsize: BAR_WIDTH,
      fps: FRAMES_PER_SECOND,
      hideCursor: true,
      clearOnComplete: true,
      // The command shows the cursor again itself when it is interrupted.
      gracefulExit: false,
      stream: output.stderr as NodeJS.WritableStream,
      linewrap: false,
    });
    this.#bar.start(1, 0, { detail: '' });
  }

  update(share: number, detail: string): void {
    this.#bar.update(Math.min(1, Math.max(0, share)), { detail });
  }

  succeed(summary: string): void {
    this.#bar.stop();
    const colors = this.#output.noteColors;
    const duration = formatDuration(performance.now() - this.#startTime);
    this.#output.note(`${colors.green('✓')} ${colors.bold(this.#title)} ${summary}  ${colors.dim(duration)}`);
  }

  fail(): void {
    this.#bar.stop();
  }

  note(line: string): void {
    // The line takes the bar's place and the bar is drawn again below it. While a bar is shown the terminal cuts lines off
    // at its edge; this one may be longer.
    this.#output.stderr.write(`${ERASE_LINE}${WRAP_ON}`);
    this.#output.note(line);
    this.#output.stderr.write(WRAP_OFF);
  }
}
