import type { GeneratedText, RougeScores } from '@pemmican/contract/trainer';

import { formatCount } from '../output/units.ts';

/** Adds up what is to say of all texts that a model wrote, so that they need not be kept. */
export class TextScores {
  #textCount = 0;
  #unfinishedCount = 0;
  #comparedCount = 0;
  readonly #sums: RougeScores = { rouge1: 0, rouge2: 0, rougeL: 0 };

  add({ isFinished, rouge }: GeneratedText): void {
    this.#textCount += 1;
    if (!isFinished) this.#unfinishedCount += 1;
    if (rouge === undefined) return;
    this.#comparedCount += 1;
    for (const name of ['rouge1', 'rouge2', 'rougeL'] as const) this.#sums[name] += rouge[name];
  }

  /** Means of the records that have a target; undefined where none has. */
  get rouge(): RougeScores | undefined {
    if (this.#comparedCount === 0) return undefined;
    const { rouge1, rouge2, rougeL } = this.#sums;
    const count = this.#comparedCount;
    return { rouge1: rouge1 / count, rouge2: rouge2 / count, rougeL: rougeL / count };
  }

  /** For a person; none where nothing was written. */
  lines(): string[] {
    const { rouge } = this;
    const shown = (score: number): string => score.toFixed(4);
    return [
      ...(rouge === undefined
        ? []
        : [
            `ROUGE-1 ${shown(rouge.rouge1)}, ROUGE-2 ${shown(rouge.rouge2)}, ROUGE-L ${shown(rouge.rougeL)}: mean F1 of ${formatCount(this.#comparedCount)} records with a target`,
          ]),
      ...(this.#unfinishedCount === 0
        ? []
        : [
            `${formatCount(this.#unfinishedCount)} of ${formatCount(this.#textCount)} texts did not end within --max-target-length`,
          ]),
    ];
  }

  /** For a document; empty where nothing was written. */
  document(): object {
    if (this.#textCount === 0) return {};
    const { rouge } = this;
    return {
      unfinishedCount: this.#unfinishedCount,
      ...(rouge === undefined ? {} : { rouge: { ...rouge, recordCount: this.#comparedCount } }),
    };
  }
}
