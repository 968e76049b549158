import path from 'node:path';
import { DockerClient, SERVICE_NAMES, buildImage, ensureEngine, ensureLocalBase } from '@pemmican/images';

/** Tag of the images that the cluster runs, so that they never replace those that somebody uses. */
export const IMAGE_TAG = 'cluster';

/**
 * Builds the services' images of the sources as they are now, and writes them to one archive, so that layers that they share are
 * there once.
 * @returns the archive's file
 * @throws ImagesError
 */
export async function makeImages(folder: string, report: (line: string) => void): Promise<string> {
  const docker = new DockerClient(await ensureEngine(report));
  const base = await ensureLocalBase(docker, report);
  const names: string[] = [];
  for (const service of SERVICE_NAMES)
    names.push((await buildImage(docker, { service, device: 'cpu', base, tag: IMAGE_TAG }, report)).name);
  const archive = path.join(folder, 'images.tar');
  await docker.run(['save', '--output', archive, ...names]);
  return archive;
}
