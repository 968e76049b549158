import type { Output } from '../output/output.ts';
import { formatDuration } from '../output/units.ts';
import type { Progress } from './progress.ts';

/** A log file wants few lines: the first soon, the next ones apart. */
const FIRST_LINE_MS = 2000;
const LINE_INTERVAL_MS = 10_000;
const TITLE_WIDTH = 9;

/** Shows a stage as plain lines at a calm rate. */
export class LineProgress implements Progress {
  readonly #title: string;
  readonly #output: Output;
  readonly #now: () => number;
  readonly #startTime: number;
  #nextLineTime: number;
  #lastLine = '';

  constructor(title: string, output: Output, now: () => number = () => performance.now()) {
    this.#title = title.padEnd(TITLE_WIDTH);
    this.#output = output;
    this.#now = now;
    this.#startTime = now();
    this.#nextLineTime = this.#startTime + FIRST_LINE_MS;
  }

  update(share: number, detail: string): void {
    const now = this.#now();
    const line = `${(share * 100).toFixed(0).padStart(3)} %  ${detail}`;
    // A line that says nothing new is left out: an evaluation may take minutes between two steps.
    if (now < this.#nextLineTime || line === this.#lastLine) return;
    this.#lastLine = line;
    this.#nextLineTime = now + LINE_INTERVAL_MS;
    this.note(`${this.#title} ${line}`);
  }

  succeed(summary: string): void {
    this.note(`${this.#title} done   ${summary}  (${formatDuration(this.#now() - this.#startTime)})`);
  }

  fail(): void {
    this.note(`${this.#title} stopped after ${formatDuration(this.#now() - this.#startTime)}`);
  }

  note(line: string): void {
    this.#output.note(line);
  }
}
