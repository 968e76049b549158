import { readFileSync } from 'node:fs';

import type { ChannelCredentials, ClientOptions, Interceptor } from '@grpc/grpc-js';
import { InterceptingCall, credentials } from '@grpc/grpc-js';

import { clientTracing } from '@pemmican/telemetry';

import { usageError } from '../cli-error.ts';
import type { ServerOptions } from '../options/common-options.ts';

/** Largest message that a service sends: a chunk of a profile is 1 MiB; a list of runs may be larger. */
const MAX_MESSAGE_BYTES = 16 * 2 ** 20;

/** A dead connection is noticed after this much silence. */
const KEEPALIVE_MS = 20_000;

/** Addresses of this machine. */
const LOCAL_ADDRESS = /^(?:unix:|127\.|localhost(?::|$)|\[::1\])/;

/** Options of every channel of the command. */
export function channelOptions(options: ServerOptions): ClientOptions {
  return {
    'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
    'grpc.keepalive_time_ms': KEEPALIVE_MS,
    'grpc.keepalive_timeout_ms': KEEPALIVE_MS / 2,
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.min_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 1000,
    // Private sockets and clusters' addresses never go through a proxy that was meant for the web.
    'grpc.enable_http_proxy': 0,
    interceptors: [clientTracing, ...(options.tokenFile === undefined ? [] : [bearerToken(options.tokenFile)])],
    ...(options.tlsServerName === undefined ? {} : { 'grpc.ssl_target_name_override': options.tlsServerName }),
  };
}

/**
 * Credentials of a channel: TLS when one of its options is given.
 * @throws CliError for options that do not fit, and for a token that would leave this machine in plain text
 */
export function channelCredentials(options: ServerOptions, address: string): ChannelCredentials {
  const { tlsCa, tlsCertificate, tlsKey, tlsServerName, tokenFile } = options;
  if (tlsCa === undefined && tlsCertificate === undefined && tlsKey === undefined && tlsServerName === undefined) {
    if (tokenFile !== undefined && !LOCAL_ADDRESS.test(address))
      throw usageError(`A token is not sent to ${address} in plain text; give --tls-ca`);
    return credentials.createInsecure();
  }
  if ((tlsCertificate === undefined) !== (tlsKey === undefined)) {
    throw usageError('--tls-certificate and --tls-key belong together');
  }
  return credentials.createSsl(
    tlsCa === undefined ? null : readPem(tlsCa, '--tls-ca'),
    tlsKey === undefined ? null : readPem(tlsKey, '--tls-key'),
    tlsCertificate === undefined ? null : readPem(tlsCertificate, '--tls-certificate'),
  );
}

/** Puts the token in the metadata of each call. It is read once a command, which is short-lived. */
function bearerToken(file: string): Interceptor {
  const token = readPem(file, '--token-file').toString('utf8').trim();
  if (!/^\S+$/.test(token)) throw usageError(`--token-file: ${file} does not hold one token`);
  return (options, nextCall) =>
    new InterceptingCall(nextCall(options), {
      start(metadata, listener, next) {
        metadata.set('authorization', `Bearer ${token}`);
        next(metadata, listener);
      },
    });
}

function readPem(file: string, option: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw usageError(`${option}: ${file} cannot be read: ${(cause as Error).message}`, { cause });
  }
}
