import { Argument } from 'commander';
import type { Command } from 'commander';

import type { Runner } from './command.ts';
import { finish } from './command.ts';

/** What `pemmican serve` may start. */
export const SERVED_NAMES = ['vocabulary-analysis', 'embedding-surgery', 'trainer', 'all'] as const;
export type ServedName = (typeof SERVED_NAMES)[number];

/** Options of `pemmican serve`. */
export interface ServeOptions {
  readonly name: ServedName;
  readonly listen: string;
  readonly stateDirectory?: string;
  readonly tlsCertificate?: string;
  readonly tlsKey?: string;
  readonly tlsClientCa?: string;
  readonly tokensFile?: string;
}

/** Defines `pemmican serve`. */
export function defineServe(program: Command, runner: Runner): void {
  const command = program
    .command('serve')
    .summary('start a service, or all three at one address')
    .description(
      'Start a service in the foreground, or all three at one address. SIGTERM and Ctrl-C stop it gracefully.',
    )
    .addArgument(new Argument('<name>', 'which service').choices(SERVED_NAMES))
    .option('--listen <address>', 'HOST:PORT or unix:PATH to listen on', '127.0.0.1:50051')
    .option('--state-directory <dir>', 'folder of the store of jobs (default: below ~/.local/state/pemmican)')
    .option('--tls-certificate <file>', "the server's certificate chain (PEM)")
    .option('--tls-key <file>', "the server's key (PEM)")
    .option('--tls-client-ca <file>', 'ask clients for a certificate of these authorities (PEM)')
    .option('--tokens-file <file>', 'ask callers for a bearer token; lines of TOKEN,NAME,ROLE (reader or writer)');
  finish<Omit<ServeOptions, 'name'>>(
    command,
    runner,
    async () => {
      const { serve } = await import('../actions/serve.ts');
      return (options, context) => serve({ ...options, name: command.processedArgs[0] as ServedName }, context);
    },
    [
      'pemmican serve all --listen 127.0.0.1:50051',
      'pemmican serve trainer --listen 0.0.0.0:50053 --state-directory /var/lib/pemmican',
      'pemmican serve all --listen 0.0.0.0:50051 --tls-certificate server.pem --tls-key server.key --tokens-file tokens.csv',
    ],
  );
}
