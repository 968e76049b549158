import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before } from 'node:test';
import { makeTinyDataset, makeTinyModel } from '@pemmican/testkit';
import { TrainerProcess } from './trainer-process.ts';

/** A trainer with a tiny model and data, all in a folder of its own. */
export interface TinyTrainer {
  readonly trainer: TrainerProcess;
  readonly work: string;
  readonly model: string;
  /** 64 records. */
  readonly train: string;
  /** 32 other records. */
  readonly validation: string;
}

/**
 * Makes it before the tests of the calling file, and removes it after them.
 * @param environment see {@link TrainerProcess}
 * @param prepare what is done to model and data once they are there: hooks of one file run side by side
 */
export function tinyTrainer(
  name: string,
  environment: Record<string, string> = {},
  prepare?: () => Promise<void>,
): TinyTrainer {
  const work = mkdtempSync(path.join(tmpdir(), `pemmican-${name}-`));
  const model = path.join(work, 'model');
  const train = path.join(work, 'train.jsonl');
  const validation = path.join(work, 'validation.jsonl');
  const trainer = new TrainerProcess(work, environment);
  before(async () => {
    await makeTinyModel(model);
    await makeTinyDataset(train, 64);
    await makeTinyDataset(validation, 32, 2);
    await prepare?.();
    await trainer.start();
  });
  after(async () => {
    await trainer.stop();
    rmSync(work, { recursive: true, force: true });
  });
  return { trainer, work, model, train, validation };
}
