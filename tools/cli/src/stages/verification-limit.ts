import { Checkpoint, INDEX_FILE_NAME, SINGLE_FILE_NAME, type Dtype } from '@pemmican/safetensors';
import { openFolder } from '@pemmican/storage';

/**
 * In float32 the two checkpoints differ in nothing but the rows that the records do not use, so that only the order of a
 * kernel's sums may change.
 */
const MAX_DIFFERENCE = 1e-4;

/** What rounding may change of a weight, relative to it: half the distance from 1 to the next number of a dtype. */
const ROUNDING: Partial<Record<Dtype, number>> = { F16: 2 ** -11, BF16: 2 ** -8 };

/**
 * How far a logit may move when each weight is rounded, in units of {@link ROUNDING}. Errors of many weights add up like
 * a random walk: six layers of all-MiniLM-L6-v2 in float16 were seen to move a logit by 5.
 */
const ROUNDINGS_OF_A_LOGIT = 64;

/** What logits of a restored checkpoint may differ by from the trained one's. */
export interface VerificationLimit {
  /** The narrowest dtype that its weights are kept in: trained in float32, they were rounded to the source's. */
  readonly dtype: Dtype;
  readonly maxDifference: number;
}

/**
 * An adapter without a model of its own is compared as in float32: nothing of it was rounded.
 * @throws SafetensorsError, StorageError
 */
export async function verificationLimit(restoredUri: string): Promise<VerificationLimit> {
  const folder = await openFolder(restoredUri);
  let limit: VerificationLimit = { dtype: 'F32', maxDifference: MAX_DIFFERENCE };
  const fileNames = await folder.list();
  if (!fileNames.includes(SINGLE_FILE_NAME) && !fileNames.includes(INDEX_FILE_NAME)) return limit;
  const checkpoint = await Checkpoint.open(folder);
  try {
    for (const { file } of checkpoint.shards)
      for (const { dtype } of file.tensors.values()) {
        const maxDifference = ROUNDINGS_OF_A_LOGIT * (ROUNDING[dtype] ?? 0);
        if (maxDifference > limit.maxDifference) limit = { dtype, maxDifference };
      }
    return limit;
  } finally {
    await checkpoint.close();
  }
}
