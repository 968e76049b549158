/**
 * Services in containers, for tests.
 * @module
 */
export { testImages, type TestImages } from '../images-for-tests.ts';
export { artifactsFolder, giveToServices } from './artifacts.ts';
export { ServiceContainer, startNetwork, type ServiceContainerOptions } from './service-container.ts';
export type { StartedNetwork } from 'testcontainers';
