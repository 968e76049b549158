import path from 'node:path';

/** Root of the repository. */
export const REPOSITORY_FOLDER: string = path.resolve(import.meta.dirname, '../../..');

/** The services that have an image, which is named after them. */
export const SERVICE_NAMES = ['vocabulary-analysis', 'embedding-surgery', 'trainer'] as const;
export type ServiceName = (typeof SERVICE_NAMES)[number];

/** Ports that the images listen on, as `services/NAME/src/config.ts` has them by default. */
export const SERVICE_PORTS: Readonly<Record<ServiceName, number>> = {
  'vocabulary-analysis': 50051,
  'embedding-surgery': 50052,
  trainer: 50053,
};

/** User and group of the images' processes: numbers, so that Kubernetes can see that it is not root. */
export const IMAGE_USER_ID = 10001;
