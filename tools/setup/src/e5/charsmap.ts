import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { SetupError } from '../error.ts';
import type { Wheel } from '../wheel.ts';

/** SentencePiece as it was when XLM-RoBERTa's tables were in use; 0.2.3 maps 173 characters otherwise. */
export const SENTENCEPIECE_WHEEL: Wheel = {
  project: 'sentencepiece',
  version: '0.1.99',
  platforms: ['manylinux2014_x86_64'],
  digest: 'db361e03342c41680afae5807590bc88aa0e17cfd1a42696a160e4005fcda03b',
  sizeBytes: 1_298_412,
};

/** The file of that wheel which has the table compiled in. */
export const CHARSMAP_FILE = 'sentencepiece/_sentencepiece.cpython-311-x86_64-linux-gnu.so';

// The wheel is pinned by its digest, so the table lies where it lies; its own digest below makes sure.
const CHARSMAP_OFFSET = 1_924_912;
const CHARSMAP_LENGTH_BYTES = 237_561;
const CHARSMAP_DIGEST = '51d3684747b35ef99cd4802f37cc1ee0c6bec4d060814f774efb1066d3c167f2';

/**
 * Reads the precompiled `nmt_nfkc` character map out of SentencePiece's library, where it is a constant. No Python of
 * the right version has to be there to ask the library for it.
 * @throws SetupError MALFORMED
 */
export async function readCharsmap(library: string): Promise<Uint8Array> {
  const charsmap = new Uint8Array(CHARSMAP_LENGTH_BYTES);
  const handle = await open(library);
  try {
    await handle.read(charsmap, 0, charsmap.length, CHARSMAP_OFFSET);
  } finally {
    await handle.close();
  }
  const digest = createHash('sha256').update(charsmap).digest('hex');
  if (digest === CHARSMAP_DIGEST) return charsmap;
  throw new SetupError('MALFORMED', `${library} does not have the nmt_nfkc character map at ${CHARSMAP_OFFSET}`);
}
