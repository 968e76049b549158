/**
 * Files and folders under Node: random-access sources, sinks, model folders by path or URI, folders that appear whole or
 * not at all.
 * @module
 */
export { ArtifactRoots } from './artifact-roots.ts';
export { openByteSource } from './byte-source.ts';
export { StorageError, storageError, withStorageErrors, type StorageErrorCode } from './error.ts';
export { createFileSink, type FileSink } from './file-sink.ts';
export { checkFileName } from './file-name.ts';
export { createFolder, prepareDestination, type CreateFolderOptions } from './folder-writer.ts';
export { hubOptionsFromEnvironment, type DownloadProgress, type HubOptions } from './hub-options.ts';
export { makeFolder } from './make-folder.ts';
export { openFolder, type OpenFolderOptions } from './open-folder.ts';
export { putFolderInPlace, syncFolder } from './put-in-place.ts';
export { readJson, readJsonFile } from './read-json.ts';
export { recoverFolder, type OnLeft } from './temporary-folder.ts';
export { artifactName, localPath, parseLocation, type Location } from './uri.ts';
export { writeFileWhole } from './write-file-whole.ts';
