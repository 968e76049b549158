import type { Command } from 'commander';

import type { CommonOptions } from '../options/common-options.ts';
import { addCommonOptions } from '../options/common-options.ts';
import type { Runner } from './command.ts';
import { finish } from './command.ts';

/** Options of `pemmican download`. */
export interface DownloadOptions extends CommonOptions {
  readonly source: string;
  readonly output: string;
  readonly overwrite?: boolean;
}

/** Defines `pemmican download`. */
export function defineDownload(program: Command, runner: Runner): void {
  const command = program
    .command('download')
    .summary('fetch a folder or a file of a server that shares no storage')
    .description(
      "Download a folder, such as a trained model, or a file of the server's machine. The same command goes on with a download\n" +
        'that was interrupted.',
    )
    .argument('<source>', "folder or file on the server's machine, below its artifact roots")
    .requiredOption('--output <path>', 'folder or file to write; it appears only when it is whole')
    .option('--overwrite', 'replace what is there');
  addCommonOptions(command, []);
  finish<Omit<DownloadOptions, 'source'>>(
    command,
    runner,
    async () => {
      const { download } = await import('../actions/download.ts');
      return (options, context) => download({ ...options, source: command.processedArgs[0] as string }, context);
    },
    ['pemmican download /data/fine-tuned --output ./fine-tuned --server trainer.example:443 --tls-ca ca.pem'],
  );
}
