import { createHash } from 'node:crypto';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { KubernetesError } from '../error.ts';
import { runCommand } from '@pemmican/setup';
import { programsFolder } from './programs.ts';

/** The image of the container that holds a pod's namespaces. */
export const PAUSE_IMAGE = 'docker.io/pemmican/pause:1';

/**
 * Makes the image's archive: one layer with one program.
 * @returns the archive's file
 */
export async function makePauseImage(folder: string): Promise<string> {
  const layers = path.join(folder, 'pause');
  await mkdir(layers, { recursive: true });
  await copyFile(path.join(programsFolder(), 'pause'), path.join(layers, 'pause'));
  await tar(layers, 'layer.tar', ['pause']);
  const digest = createHash('sha256')
    .update(await readFile(path.join(layers, 'layer.tar')))
    .digest('hex');
  const config = {
    architecture: 'amd64',
    os: 'linux',
    config: { Entrypoint: ['/pause'], User: '65535:65535' },
    rootfs: { type: 'layers', diff_ids: [`sha256:${digest}`] },
  };
  const [repository = ''] = PAUSE_IMAGE.split('docker.io/').slice(-1);
  const manifest = [{ Config: 'config.json', RepoTags: [repository], Layers: ['layer.tar'] }];
  await writeFile(path.join(layers, 'config.json'), JSON.stringify(config));
  await writeFile(path.join(layers, 'manifest.json'), JSON.stringify(manifest));
  await tar(layers, '../pause.tar', ['manifest.json', 'config.json', 'layer.tar']);
  return path.join(folder, 'pause.tar');
}

async function tar(folder: string, archive: string, files: readonly string[]): Promise<void> {
  const { code, stderr } = await runCommand('tar', ['-cf', archive, '--owner=0', '--group=0', ...files], { folder });
  if (code !== 0) throw new KubernetesError('CLUSTER_FAILED', `tar: ${stderr.trim()}`);
}
