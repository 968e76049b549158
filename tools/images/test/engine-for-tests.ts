/**
 * Before and after all tests of a run: one engine, one build of the images.
 * @module
 */
import { stopPrivateEngine, testImages, type TestImages } from '../src/mod.ts';
import { IMAGES_READY_VARIABLE } from '../src/images-for-tests.ts';

const report = (line: string): void => console.error(`images: ${line}`);
let images: TestImages | undefined;

export async function globalSetup(): Promise<void> {
  images = await testImages();
  // The processes of the test files inherit it, with the engine's variables: they build nothing again.
  process.env[IMAGES_READY_VARIABLE] = 'true';
}

export async function globalTeardown(): Promise<void> {
  // Whoever started the engine stops it, unless somebody else has come to use it; its images stay for the next time.
  if (images?.engine.isStartedNow !== true) return;
  const isUsed = (await images.docker.run(['ps', '--quiet'])).trim() !== '';
  if (!isUsed) await stopPrivateEngine(false, report);
}
