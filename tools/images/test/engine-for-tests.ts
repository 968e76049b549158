/**
 * Before and after all tests of a run: one engine, one build of the images.
 * @module
 */
import { stopPrivateEngine, testImages } from '../src/mod.ts';
import { IMAGES_READY_VARIABLE } from '../src/images-for-tests.ts';

const report = (line: string): void => console.error(`images: ${line}`);
let isStartedNow = false;

export async function globalSetup(): Promise<void> {
  const { engine } = await testImages();
  isStartedNow = engine.isStartedNow;
  // The processes of the test files inherit it, with the engine's variables: they build nothing again.
  process.env[IMAGES_READY_VARIABLE] = 'true';
}

export async function globalTeardown(): Promise<void> {
  // Whoever started the engine stops it; its images stay for the next time.
  if (isStartedNow) await stopPrivateEngine(false, report);
}
