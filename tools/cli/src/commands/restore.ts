import type { Command } from 'commander';

import type { CommonOptions } from '../options/common-options.ts';
import { addCommonOptions } from '../options/common-options.ts';
import type { Runner } from './command.ts';
import { finish } from './command.ts';

/** Options of `pemmican restore`. */
export interface RestoreOptions extends CommonOptions {
  readonly model: string;
  readonly trained: string;
  readonly output: string;
  readonly unusedRowDecay?: boolean;
  readonly overwrite?: boolean;
}

/** Defines `pemmican restore`. */
export function defineRestore(program: Command, runner: Runner): void {
  const command = program
    .command('restore')
    .summary('write trained rows back into the full checkpoint, or merge an adapter into it')
    .description(
      'Write the trained rows back into the full embedding matrix, or merge a LoRA adapter: an ordinary checkpoint comes out.',
    )
    .requiredOption(
      '--model <dir>',
      'the checkpoint that was reduced or that the adapter is for: a folder, s3://BUCKET/PREFIX or hf:ID',
    )
    .requiredOption('--trained <dir>', 'the trained reduced checkpoint, or an adapter (PEFT folder)')
    .requiredOption('--output <dir>', 'folder to write; it appears only when it is whole')
    .option('--unused-row-decay', 'decay unused rows as ordinary training with weight decay would have done')
    .option('--overwrite', 'replace the output folder');
  addCommonOptions(command, ['embedding-surgery']);
  finish<RestoreOptions>(command, runner, async () => (await import('../actions/restore.ts')).restore, [
    'pemmican restore --model ./multilingual-e5-small --trained ./run --output ./fine-tuned',
    'pemmican restore --model ./model --trained ./run --output ./fine-tuned --unused-row-decay',
    'pemmican restore --model ./model --trained ./adapter --output ./merged',
  ]);
}
