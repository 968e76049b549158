import path from 'node:path';

import { writeWholeFile } from '../workspace/write-file.ts';
import { renderReportPage } from './report-page.ts';
import type { Report } from './report.ts';

/** Writes `report.json` and `report.html`. */
export async function writeReport(report: Report, folder: string): Promise<void> {
  await writeWholeFile(path.join(folder, 'report.json'), `${JSON.stringify(report, null, 2)}\n`);
  await writeWholeFile(path.join(folder, 'report.html'), renderReportPage(report));
}
