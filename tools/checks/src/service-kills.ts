/**
 * Kills the services with SIGKILL, a hundred times at random moments, while they work: no job may be lost, no event be missing or come
 * twice, and every job must leave what an undisturbed one leaves. Prints docs/benchmarks/service-kills.md; takes some ten minutes.
 *
 *   node tools/checks/src/service-kills.ts [SEED] > docs/benchmarks/service-kills.md
 * @module
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { modelFolder } from '@pemmican/testkit';
import { Random } from './hostile-requests/random.ts';
import { killService, type KillReport } from './service-kills/killed-service.ts';
import { analysisKind, surgeryKind, trainerKind } from './service-kills/kinds.ts';

const KILLS = { trainer: 60, surgery: 20, analysis: 20 } as const;
const seed = Number(process.argv[2] ?? 20_260_105);
const work = mkdtempSync(path.join(tmpdir(), 'pemmican-kills-'));

const folderOf = (name: string): string => {
  const folder = path.join(work, name);
  mkdirSync(folder);
  return folder;
};

function line(report: KillReport): string {
  const { service, kills, killsAtStart, jobs, events, attachments, wallMs, problems } = report;
  return `| ${service} | ${kills} (${killsAtStart}) | ${jobs} | ${events} | ${attachments} | ${problems.length} | ${(wallMs / 1000).toFixed(0)} s |`;
}

const random = new Random(seed);
const reports: KillReport[] = [];
try {
  const [trainer, surgery, analysis] = ['trainer', 'surgery', 'analysis'].map(folderOf) as [string, string, string];
  reports.push(await killService(await trainerKind(trainer), trainer, KILLS.trainer, random));
  reports.push(
    await killService(await surgeryKind(surgery, modelFolder('all-MiniLM-L6-v2')), surgery, KILLS.surgery, random),
  );
  reports.push(await killService(await analysisKind(analysis), analysis, KILLS.analysis, random));
} finally {
  rmSync(work, { recursive: true, force: true });
}
const problems = reports.flatMap((report) => report.problems.map((problem) => `- ${report.service}: ${problem}`));
process.stdout.write(`# A hundred kills of the services

Printed by \`node tools/checks/src/service-kills.ts\` (seed ${seed}; ${cpus().length} cores, Node ${process.version}). Each service is killed with
SIGKILL at random moments while it works, one time in eight again while it starts. A job is created with a request id, again where the
service dies meanwhile; its watcher attaches with its resume token after each death. The first job of each service is left alone, and
the others have to leave the same: final loss and model of a run of 60 steps (shuffling, dropout, weight decay, a checkpoint every
second step), the reduced model, the vocabulary profile, bit for bit. Sequences have to be 1, 2, 3 and so on, the same for a watcher
that comes later, and all jobs have to be listed. Two kills of the trainer in a row may come before its run gets further; the next one waits
until it has, as three would be taken for a run that ends its service (\`SERVICE_KEEPS_ENDING\`).

| service | kills (while starting) | jobs | events | attachments | problems | time |
| --- | --- | --- | --- | --- | --- | --- |
${reports.map(line).join('\n')}

${problems.length === 0 ? 'No job was lost, no event was missing or came twice, and all jobs left what undisturbed ones left.' : problems.join('\n')}
`);
process.exitCode = problems.length === 0 ? 0 : 1;
