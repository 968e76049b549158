import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { KubernetesError } from '../error.ts';
import { runCommand } from '@pemmican/setup';

const VALID_DAYS = '30';
const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

/** The cluster's certificates, by an authority of its own. */
export class Certificates {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** Makes the authority and the key that service accounts' tokens are signed with. */
  static async create(folder: string): Promise<Certificates> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const certificates = new Certificates(folder);
    const authority = ['req', '-x509', ...NEW_KEY, '-days', VALID_DAYS, '-subj', '/CN=pemmican-test-ca'];
    await openssl([...authority, '-keyout', certificates.key('ca'), '-out', certificates.certificate('ca')]);
    await openssl(['genrsa', '-out', certificates.key('service-accounts'), '2048']);
    return certificates;
  }

  certificate(name: string): string {
    return path.join(this.folder, `${name}.crt`);
  }

  key(name: string): string {
    return path.join(this.folder, `${name}.key`);
  }

  /**
   * Issues a certificate for servers and clients.
   * @param subject as openssl has it: `/O=system:masters/CN=admin`
   * @param alternativeNames `IP:...` and `DNS:...`
   */
  async issue(name: string, subject: string, alternativeNames: readonly string[] = []): Promise<void> {
    const request = path.join(this.folder, `${name}.csr`);
    const extensions = path.join(this.folder, `${name}.extensions`);
    const names = alternativeNames.length === 0 ? '' : `subjectAltName=${alternativeNames.join(',')}\n`;
    await writeFile(extensions, `extendedKeyUsage=serverAuth,clientAuth\n${names}`);
    await openssl(['req', ...NEW_KEY, '-keyout', this.key(name), '-subj', subject, '-out', request]);
    const authority = ['-CA', this.certificate('ca'), '-CAkey', this.key('ca'), '-CAcreateserial'];
    const made = ['-days', VALID_DAYS, '-extfile', extensions, '-out', this.certificate(name)];
    await openssl(['x509', '-req', '-in', request, ...authority, ...made]);
  }

  /** Writes the file by which the holder of a certificate calls the API server. */
  async writeKubeconfig(name: string, server: string): Promise<string> {
    const file = path.join(this.folder, `${name}.kubeconfig`);
    const user = { 'client-certificate': this.certificate(name), 'client-key': this.key(name) };
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'test', cluster: { server, 'certificate-authority': this.certificate('ca') } }],
      users: [{ name, user }],
      contexts: [{ name: 'test', context: { cluster: 'test', user: name } }],
      'current-context': 'test',
    };
    await writeFile(file, JSON.stringify(config), { mode: 0o600 });
    return file;
  }
}

async function openssl(args: readonly string[]): Promise<void> {
  const { code, stderr } = await runCommand('openssl', args);
  if (code !== 0) throw new KubernetesError('CLUSTER_FAILED', `openssl ${args[0]} failed: ${stderr.trim()}`);
}
