import type { CheckpointStore } from '../src/trainer.ts';

/** A store that forgets what it is given: for runs of which only the numbers matter. */
export const NO_CHECKPOINTS: CheckpointStore = {
  create: () =>
    Promise.resolve({
      name: 'nowhere',
      write: () => Promise.resolve(),
      commit: () => Promise.resolve(),
      abort: () => Promise.resolve(),
    }),
  list: () => Promise.resolve([]),
  open: () => Promise.reject(new Error('There is none')),
  remove: () => Promise.resolve(),
};
