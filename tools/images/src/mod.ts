/**
 * Container images of the services, and a Docker engine to make and try them with.
 * @module
 */
export { buildImage, DEFAULT_BASE, imageName, type BuiltImage } from './build-image.ts';
export { ensureLocalBase, LOCAL_BASE } from './base/local-base.ts';
export { DockerClient } from './docker-client.ts';
export { ensureEngine, stopPrivateEngine, type Engine } from './engine/engine.ts';
export { ImagesError, type ImagesErrorCode } from './error.ts';
export { probe } from './in-image/probe.ts';
export { testImages, type TestImages } from './images-for-tests.ts';
export { IMAGE_USER_ID, SERVICE_NAMES, SERVICE_PORTS, type ServiceName } from './services.ts';
