/**
 * The service that brings files and folders to a pemmican service and back: uploads that survive a lost connection and a killed
 * process, and downloads from any offset on, below the artifact roots.
 * @module
 */
export { createArtifactService, type ArtifactService } from './artifact-service.ts';
export { readArtifactSettings, type ArtifactSettings } from './settings.ts';
