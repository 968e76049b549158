import type { Command } from 'commander';

import type { OutputOptions } from '../options/common-options.ts';
import { addOutputOptions } from '../options/common-options.ts';
import type { Runner } from './command.ts';
import { finish } from './command.ts';

/** Options of `pemmican doctor`. */
export type DoctorOptions = OutputOptions;

/** Defines `pemmican doctor`. */
export function defineDoctor(program: Command, runner: Runner): void {
  const command = program
    .command('doctor')
    .summary('say what is installed and what is missing')
    .description(
      'Say what was found (Node, libtensorflow, devices, disk, memory, models) and how to get what is missing.',
    );
  addOutputOptions(command);
  finish<DoctorOptions>(command, runner, async () => (await import('../actions/doctor.ts')).doctor, [
    'pemmican doctor',
    'pemmican doctor --json',
  ]);
}
