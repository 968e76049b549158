import { collectDoctorReport } from '@pemmican/setup';

import { CliError, EXIT_CODE } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { DoctorOptions } from '../commands/doctor.ts';
import { findProblems, renderDoctor } from '../views/doctor-view.ts';

/** `pemmican doctor` */
export async function doctor(_options: DoctorOptions, context: CommandContext): Promise<void> {
  const report = await collectDoctorReport();
  const problems = findProblems(report);
  const { output } = context;
  output.print(renderDoctor(report, problems, output.colors));
  output.document({ ...report, isHealthy: problems.length === 0, problems });
  if (problems.length > 0) {
    throw new CliError(EXIT_CODE.FAILURE, 'Something that is needed is missing', { reason: 'SETUP_INCOMPLETE' });
  }
}
