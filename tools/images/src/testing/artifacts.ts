import { chmodSync, chownSync, mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { testImages } from '../images-for-tests.ts';
import { IMAGE_USER_ID } from '../services.ts';

const EMPTY_FOLDER = `
  const fs = require("fs");
  for (const name of fs.readdirSync("/artifacts")) fs.rmSync("/artifacts/" + name, { recursive: true, force: true });`;

/** A folder that containers of the services may write to, under a short name; removed by `remove`. */
export function artifactsFolder(name: string): { readonly folder: string; readonly remove: () => Promise<void> } {
  const folder = mkdtempSync(path.join(tmpdir(), `pemmican-${name}-`));
  giveToServices(folder);
  return {
    folder,
    remove: async () => {
      // What is in folders of the images' user, nobody else but root can remove; in a container everybody is root who may start one.
      if (process.getuid?.() !== 0) await emptyAsRoot(folder);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Lets the images' user write to a folder. */
export function giveToServices(folder: string): void {
  if (process.getuid?.() === 0) chownSync(folder, IMAGE_USER_ID, IMAGE_USER_ID);
  else chmodSync(folder, 0o777);
}

async function emptyAsRoot(folder: string): Promise<void> {
  const { docker, base } = await testImages();
  const mount = ['--volume', `${folder}:/artifacts`];
  await docker.run(['run', '--rm', '--user', '0:0', '--network', 'none', ...mount, base, 'node', '-e', EMPTY_FOLDER]);
}
