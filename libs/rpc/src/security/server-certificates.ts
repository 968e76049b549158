import { X509Certificate, createPrivateKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import type { ServerCredentials } from '@grpc/grpc-js';
import { experimental } from '@grpc/grpc-js';
import type { Logger } from '../logger.ts';

/** Files of a server's identity, PEM. They are read again as they change, so that certificates can be rotated. */
export interface TlsFiles {
  readonly certificateFile: string;
  readonly keyFile: string;
  /** Authorities one of which a client's certificate must come from (mutual TLS). Not set: clients need none. */
  readonly clientCaFile?: string;
}

/** How often the files are looked at. Kubernetes writes a rotated secret to disk about once a minute. */
export const RELOAD_INTERVAL_MS = 10_000;

interface Certificates {
  readonly certificate: Buffer;
  readonly privateKey: Buffer;
  readonly caCertificate: Buffer | undefined;
}

/**
 * Reads the files and, when any has other bytes than before and all of them fit together, tells the listeners. A rotation that is
 * half-written, or broken, changes nothing: what served before goes on serving.
 */
class ReloadingCertificates implements experimental.CertificateProvider {
  readonly #files: TlsFiles;
  readonly #logger: Logger;
  readonly #intervalMs: number;
  readonly #identityListeners = new Set<experimental.IdentityCertificateUpdateListener>();
  readonly #caListeners = new Set<experimental.CaCertificateUpdateListener>();
  #current: Certificates;
  #lastProblem = '';
  #timer: NodeJS.Timeout | undefined;

  constructor(files: TlsFiles, current: Certificates, logger: Logger, intervalMs: number) {
    this.#files = files;
    this.#current = current;
    this.#logger = logger;
    this.#intervalMs = intervalMs;
  }

  addIdentityCertificateListener(listener: experimental.IdentityCertificateUpdateListener): void {
    this.#identityListeners.add(listener);
    // Later: the credentials count whoever is to hear of it only after this returns.
    queueMicrotask(() => {
      listener(this.#current);
    });
    this.#watch();
  }

  removeIdentityCertificateListener(listener: experimental.IdentityCertificateUpdateListener): void {
    this.#identityListeners.delete(listener);
    this.#watch();
  }

  addCaCertificateListener(listener: experimental.CaCertificateUpdateListener): void {
    this.#caListeners.add(listener);
    queueMicrotask(() => {
      listener(caUpdate(this.#current));
    });
    this.#watch();
  }

  removeCaCertificateListener(listener: experimental.CaCertificateUpdateListener): void {
    this.#caListeners.delete(listener);
    this.#watch();
  }

  #watch(): void {
    const isNeeded = this.#identityListeners.size + this.#caListeners.size > 0;
    if (!isNeeded) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    } else {
      this.#timer ??= setInterval(() => void this.#reload(), this.#intervalMs).unref();
    }
  }

  async #reload(): Promise<void> {
    try {
      const next = await readCertificates(this.#files);
      if (isSame(next, this.#current)) return;
      this.#current = next;
      this.#lastProblem = '';
      for (const listener of this.#identityListeners) listener(next);
      for (const listener of this.#caListeners) listener(caUpdate(next));
      this.#logger.info('certificates were read again', { certificateFile: this.#files.certificateFile });
    } catch (error) {
      const problem = (error as Error).message;
      if (problem !== this.#lastProblem) this.#logger.warn('certificates stay as they were', { problem });
      this.#lastProblem = problem;
    }
  }
}

/**
 * Credentials of a server over TLS, mutual where `clientCaFile` is given.
 * @throws Error that names the file that cannot be read or does not fit
 */
export async function tlsCredentials(
  files: TlsFiles,
  logger: Logger,
  reloadIntervalMs: number = RELOAD_INTERVAL_MS,
): Promise<ServerCredentials> {
  const provider = new ReloadingCertificates(files, await readCertificates(files), logger, reloadIntervalMs);
  const isMutual = files.clientCaFile !== undefined;
  // One provider gives both: the function and the class behind it disagree about the order of the first two.
  return experimental.createCertificateProviderServerCredentials(provider, isMutual ? provider : null, isMutual);
}

async function readCertificates({ certificateFile, keyFile, clientCaFile }: TlsFiles): Promise<Certificates> {
  const [certificate, privateKey] = await Promise.all([readPem(certificateFile), readPem(keyFile)]);
  const caCertificate = clientCaFile === undefined ? undefined : await readPem(clientCaFile);
  check(() => new X509Certificate(certificate), `${certificateFile} is no certificate in PEM`);
  check(() => createPrivateKey(privateKey), `${keyFile} is no key in PEM`);
  check(
    () => createSecureContext({ cert: certificate, key: privateKey }),
    `${keyFile} is not the key of ${certificateFile}`,
  );
  if (caCertificate !== undefined)
    check(() => new X509Certificate(caCertificate), `${clientCaFile} is no certificate in PEM`);
  return { certificate, privateKey, caCertificate };
}

async function readPem(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (cause) {
    throw new Error(`${file} cannot be read: ${(cause as Error).message}`, { cause });
  }
}

function check(load: () => unknown, message: string): void {
  try {
    load();
  } catch (cause) {
    throw new Error(`${message}: ${(cause as Error).message}`, { cause });
  }
}

function isSame(one: Certificates, other: Certificates): boolean {
  return (
    one.certificate.equals(other.certificate) &&
    one.privateKey.equals(other.privateKey) &&
    (one.caCertificate?.equals(other.caCertificate ?? Buffer.alloc(0)) ?? true)
  );
}

function caUpdate({ caCertificate }: Certificates): experimental.CaCertificateUpdate | null {
  return caCertificate === undefined ? null : { caCertificate };
}
