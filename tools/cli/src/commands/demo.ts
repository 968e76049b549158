import { Option } from 'commander';
import type { Command } from 'commander';

import type { CommonOptions } from '../options/common-options.ts';
import { addCommonOptions } from '../options/common-options.ts';
import type { Runner } from './command.ts';
import { finish } from './command.ts';

/** Models that the demo can fetch. */
export const DEMO_MODELS = ['all-MiniLM-L6-v2', 'multilingual-e5-small'] as const;
export type DemoModel = (typeof DEMO_MODELS)[number];

/** Options of `pemmican demo`. */
export interface DemoOptions extends CommonOptions {
  readonly model: DemoModel;
  readonly output?: string;
}

/** Defines `pemmican demo`. */
export function defineDemo(program: Command, runner: Runner): void {
  const command = program
    .command('demo')
    .summary('the main job on real sentences, in a few minutes')
    .description('Fetch a real model and labelled sentences, fine-tune with the used rows only, restore, report.')
    .addOption(new Option('--model <name>', 'which model').choices(DEMO_MODELS).default('all-MiniLM-L6-v2'))
    .option('--output <dir>', 'folder to write (default: ./pemmican-demo/MODEL)');
  addCommonOptions(command, ['vocabulary-analysis', 'embedding-surgery', 'trainer']);
  finish<DemoOptions>(command, runner, async () => (await import('../actions/demo.ts')).demo, [
    'pemmican demo',
    'pemmican demo --model multilingual-e5-small',
  ]);
}
