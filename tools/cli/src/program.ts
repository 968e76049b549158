import { Command } from 'commander';

import packageManifest from '../package.json' with { type: 'json' };
import { defineAnalyze } from './commands/analyze.ts';
import type { Runner } from './commands/command.ts';
import { defineDemo } from './commands/demo.ts';
import { defineDoctor } from './commands/doctor.ts';
import { defineDownload } from './commands/download.ts';
import { defineEstimate } from './commands/estimate.ts';
import { definePredict } from './commands/predict.ts';
import { defineReduce } from './commands/reduce.ts';
import { defineRestore } from './commands/restore.ts';
import { defineRun } from './commands/run.ts';
import { defineServe } from './commands/serve.ts';
import { defineTrain } from './commands/train.ts';
import { defineUpload } from './commands/upload.ts';
import type { TextStream } from './output/output.ts';

const EPILOGUE = `
Exit codes: 0 done, 1 failure, 2 bad usage or input, 3 a precondition, 4 a service unreachable, 130 interrupted.

Examples:
  $ pemmican demo
  $ pemmican run --model ./model --train-file train.jsonl --validation-file dev.jsonl --output ./fine-tuned
  $ pemmican help run`;

/** Defines the command with its verbs. Nothing that a verb's action needs is loaded here, so that \`--help\` is quick. */
export function createProgram(
  runner: Runner,
  streams: { readonly stdout: TextStream; readonly stderr: TextStream },
): Command {
  const program = new Command('pemmican')
    .description(
      'Fine-tune transformer language models in less memory by partial embedding matrix adaptation: train with the rows\n' +
        'of the embedding matrix that the data uses, then write them back into the full matrix.',
    )
    .version(packageManifest.version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .showSuggestionAfterError(true)
    .showHelpAfterError('(try --help)')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => streams.stdout.write(text),
      writeErr: (text) => streams.stderr.write(text),
      getOutHelpWidth: () => streams.stdout.columns ?? 120,
      getErrHelpWidth: () => streams.stderr.columns ?? 120,
    })
    .addHelpText('after', EPILOGUE);
  for (const define of [
    defineRun,
    defineAnalyze,
    defineEstimate,
    defineReduce,
    defineTrain,
    defineRestore,
    definePredict,
    defineUpload,
    defineDownload,
    defineServe,
    defineDemo,
    defineDoctor,
  ]) {
    define(program, runner);
  }
  return program;
}
