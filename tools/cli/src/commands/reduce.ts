import type { Command } from 'commander';

import type { CommonOptions } from '../options/common-options.ts';
import { addCommonOptions } from '../options/common-options.ts';
import { addPaddingOption } from '../options/selection-options.ts';
import type { Runner } from './command.ts';
import { finish } from './command.ts';

/** Options of `pemmican reduce`. */
export interface ReduceOptions extends CommonOptions {
  readonly model: string;
  readonly vocabulary: string;
  readonly output: string;
  readonly padToMultipleOf: number;
  readonly exportTokenizer?: boolean;
  readonly overwrite?: boolean;
  readonly restrictedSoftmax?: boolean;
}

/** Defines `pemmican reduce`. */
export function defineReduce(program: Command, runner: Runner): void {
  const command = program
    .command('reduce')
    .summary("keep only the used rows of a checkpoint's embedding matrix")
    .description('Write a checkpoint that has only the kept rows of the embedding matrix, with its token id map.')
    .requiredOption('--model <dir>', 'model folder, s3://BUCKET/PREFIX or hf:ID')
    .requiredOption('--vocabulary <file>', 'vocabulary profile that `pemmican analyze --output` wrote')
    .requiredOption('--output <dir>', 'folder to write; it appears only when it is whole');
  addPaddingOption(command, 8)
    .option('--export-tokenizer', 'also write a tokenizer that yields reduced token ids, for other trainers')
    .option(
      '--restricted-softmax',
      'also keep only these rows of the output matrix and of biases over the vocabulary, for `train --restricted-softmax`',
    )
    .option('--overwrite', 'replace the output folder');
  addCommonOptions(command, ['embedding-surgery']);
  finish<ReduceOptions>(command, runner, async () => (await import('../actions/reduce.ts')).reduce, [
    'pemmican reduce --model ./multilingual-e5-small --vocabulary vocabulary.json --output ./reduced',
    'pemmican reduce --model ./model --vocabulary vocabulary.json --output ./reduced --export-tokenizer',
  ]);
}
