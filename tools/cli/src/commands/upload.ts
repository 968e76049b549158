import type { Command } from 'commander';

import type { CommonOptions } from '../options/common-options.ts';
import { addCommonOptions } from '../options/common-options.ts';
import type { Runner } from './command.ts';
import { finish } from './command.ts';

/** Options of `pemmican upload`. */
export interface UploadOptions extends CommonOptions {
  readonly source: string;
  readonly output?: string;
  readonly overwrite?: boolean;
}

/** Defines `pemmican upload`. */
export function defineUpload(program: Command, runner: Runner): void {
  const command = program
    .command('upload')
    .summary('bring a folder or a file to a server that shares no storage')
    .description(
      'Upload a folder, such as a model, or a file to a server, and print where it is there. The same command goes on with an\n' +
        'upload that was interrupted.',
    )
    .argument('<source>', 'folder or file of this machine')
    .option('--output <dir>', "folder on the server's machine, below its artifact roots (default: the server chooses)")
    .option('--overwrite', 'replace the folder');
  addCommonOptions(command, []);
  finish<Omit<UploadOptions, 'source'>>(
    command,
    runner,
    async () => {
      const { upload } = await import('../actions/upload.ts');
      return (options, context) => upload({ ...options, source: command.processedArgs[0] as string }, context);
    },
    [
      'pemmican upload ./multilingual-e5-small --server trainer.example:443 --tls-ca ca.pem',
      'pemmican upload train.jsonl --output /data/reviews --server 127.0.0.1:50051',
    ],
  );
}
