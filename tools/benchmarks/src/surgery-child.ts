/**
 * One reduction or restore, in a process of its own so that its memory can be measured.
 * `surgery-child.ts reduce SOURCE DESTINATION KEPT_SHARE` or `surgery-child.ts restore SOURCE TRAINED DESTINATION`
 * @module
 */
import { reduceCheckpoint, restoreCheckpoint } from '@pemmican/embedding';
import { createFolder, openFolder } from '@pemmican/storage';
import { TokenIdMap } from '@pemmican/vocabulary';

const begun = performance.now();
const [verb, source = '', first = '', second = ''] = process.argv.slice(2);
if (verb === 'reduce') {
  const fullVocabSize = 250_002;
  const share = Number(second);
  // Kept ids lie scattered, as those of a data set do, denser at the low ids, which are the frequent ones.
  let state = 12_345;
  const kept = Array.from({ length: fullVocabSize }, (_, id) => id).filter((id) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return id < 5 || state / 2 ** 32 < share * (id < fullVocabSize / 5 ? 3 : 0.5);
  });
  await reduceCheckpoint({
    source: await openFolder(source),
    destination: await createFolder(first, { overwrite: true }),
    tokenIdMap: TokenIdMap.create(fullVocabSize, Uint32Array.from(kept)),
    pemmicanVersion: 'benchmark',
  });
} else {
  await restoreCheckpoint({
    source: await openFolder(source),
    trained: await openFolder(first),
    destination: await createFolder(second, { overwrite: true }),
  });
}
// Without Node's start-up, which a service pays once.
console.log(`elapsed ${performance.now() - begun}`);
