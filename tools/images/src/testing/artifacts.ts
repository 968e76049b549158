import { chmodSync, chownSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { IMAGE_USER_ID } from '../services.ts';

/** A folder that containers of the services may write to, under a short name; removed by `remove`. */
export function artifactsFolder(name: string): { readonly folder: string; readonly remove: () => void } {
  const folder = mkdtempSync(path.join(tmpdir(), `pemmican-${name}-`));
  giveToServices(folder);
  return {
    folder,
    remove: () => {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Lets the images' user write to a folder. */
export function giveToServices(folder: string): void {
  if (process.getuid?.() === 0) chownSync(folder, IMAGE_USER_ID, IMAGE_USER_ID);
  else chmodSync(folder, 0o777);
}
