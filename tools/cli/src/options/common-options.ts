import type { Command } from 'commander';
import { Option } from 'commander';

/** Where the services are. Without an address the command starts them itself. */
export interface ServerOptions {
  readonly server?: string;
  readonly vocabularyServer?: string;
  readonly surgeryServer?: string;
  readonly trainerServer?: string;
  readonly tlsCa?: string;
  readonly tlsCertificate?: string;
  readonly tlsKey?: string;
  readonly tlsServerName?: string;
  readonly tokenFile?: string;
}

/** How the command talks. */
export interface OutputOptions {
  readonly json?: boolean;
  readonly quiet?: boolean;
  /** False with `--no-color`. */
  readonly color: boolean;
}

/** Options that every verb that calls a service has. */
export type CommonOptions = ServerOptions & OutputOptions;

/** Which services' addresses a verb may be told. */
export type ServiceName = 'vocabulary-analysis' | 'embedding-surgery' | 'trainer';

/** Adds the options that say how the command talks. */
export function addOutputOptions(command: Command): Command {
  return command
    .option('--json', 'print one JSON document on stdout; progress stays on stderr')
    .option('-q, --quiet', 'show no progress')
    .option('--no-color', 'no colours (also: NO_COLOR=1)');
}

/** Adds the options that say where the services are, and those of {@link addOutputOptions}. */
export function addCommonOptions(command: Command, services: readonly ServiceName[]): Command {
  addOutputOptions(command);
  command.addOption(
    new Option('--server <address>', 'call services at HOST:PORT or unix:PATH instead of starting them').env(
      'PEMMICAN_SERVER',
    ),
  );
  if (services.includes('vocabulary-analysis')) {
    command.addOption(
      new Option('--vocabulary-server <address>', 'address of vocabulary-analysis alone').env(
        'PEMMICAN_VOCABULARY_SERVER',
      ),
    );
  }
  if (services.includes('embedding-surgery')) {
    command.addOption(
      new Option('--surgery-server <address>', 'address of embedding-surgery alone').env('PEMMICAN_SURGERY_SERVER'),
    );
  }
  if (services.includes('trainer')) {
    command.addOption(
      new Option('--trainer-server <address>', 'address of trainer alone').env('PEMMICAN_TRAINER_SERVER'),
    );
  }
  // What is said here and now is meant: not what a shell was told of single services earlier.
  command.hook('preAction', (_, action) => {
    if (action.getOptionValueSource('server') !== 'cli') return;
    for (const name of ['vocabularyServer', 'surgeryServer', 'trainerServer'])
      if (action.getOptionValueSource(name) === 'env') action.setOptionValue(name, undefined);
  });
  return command
    .option('--tls-ca <file>', 'call over TLS and trust these certificate authorities (PEM)')
    .option('--tls-certificate <file>', "the client's certificate chain for mutual TLS (PEM)")
    .option('--tls-key <file>', "the client's key for mutual TLS (PEM)")
    .option('--tls-server-name <name>', "name to check in the server's certificate")
    .addOption(
      new Option('--token-file <file>', 'file with the bearer token that the server asks for').env(
        'PEMMICAN_TOKEN_FILE',
      ),
    );
}
