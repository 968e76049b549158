import path from 'node:path';

import type { ArtifactContext } from '../artifacts/artifact-connection.ts';
import { downloadArtifact } from '../artifacts/download-artifact.ts';

/** Where the services find and leave what a run works with. */
export interface RunPlaces {
  /** Whether the services write into the workspace itself. */
  readonly isShared: boolean;
  /** What the services call a file or folder of the workspace. */
  of(file: string): string;
  /** Brings what a service has left there to the workspace. */
  fetch(file: string): Promise<void>;
}

/** Services that see the storage of this machine. */
export const SHARED_PLACES: RunPlaces = {
  isShared: true,
  of: (file) => file,
  fetch: () => Promise.resolve(),
};

/** Checkpoints are the server's: what comes back is a model. */
const NOT_FETCHED = /^checkpoint-\d+\//;

/** A server that has got what the run works with, and keeps the work in progress beside it. */
export class UploadedPlaces implements RunPlaces {
  readonly isShared = false;
  readonly #workspaceFolder: string;
  readonly #artifactUri: string;
  readonly #context: ArtifactContext;

  /** @param artifactUri folder of the upload on the server */
  constructor(workspaceFolder: string, artifactUri: string, context: ArtifactContext) {
    this.#workspaceFolder = workspaceFolder;
    this.#artifactUri = artifactUri;
    this.#context = context;
  }

  of(file: string): string {
    return path.posix.join(this.#artifactUri, 'run', path.relative(this.#workspaceFolder, file));
  }

  async fetch(file: string): Promise<void> {
    const destination = { output: file, overwrite: true, isWanted: (name: string) => !NOT_FETCHED.test(name) };
    await downloadArtifact(this.of(file), destination, this.#context);
  }
}
