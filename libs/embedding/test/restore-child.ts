/**
 * Restores in a process of its own, to be killed. `restore-child.ts SOURCE TRAINED DESTINATION [overwrite]`
 * @module
 */
import { createFolder, openFolder } from '@pemmican/storage';

import { restoreCheckpoint } from '../src/mod.ts';

const [source = '', trained = '', destination = '', overwrite] = process.argv.slice(2);
process.stdout.write('begun\n');
await restoreCheckpoint({
  source: await openFolder(source),
  trained: await openFolder(trained),
  destination: await createFolder(destination, { overwrite: overwrite !== undefined }),
});
process.stdout.write('done\n');
