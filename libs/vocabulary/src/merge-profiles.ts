import { assembleProfile, type SelectionSettings } from './assemble-profile.ts';
import { VocabularyError } from './error.ts';
import type { SplitName, VocabularyProfile } from './profile.ts';
import { SplitSum } from './split-sum.ts';

/** A profile and what error messages call it. */
export interface NamedProfile {
  readonly name: string;
  readonly profile: VocabularyProfile;
}

// What has to be equal for counts to mean the same.
const IDENTITY_FIELDS = [
  'tokenizerDigest', 'fullVocabSize', 'hiddenSize', 'maxSequenceLength', 'maxTargetLength', 'unkTokenId',
] as const; // prettier-ignore

/**
 * Adds profiles of shards of a data set up, one after another, so that only the sums are held: the same profile as of the
 * whole, in whatever order and grouping. Rows are selected anew from the sums; what the shards' own `minCount` and
 * `maxRows` dropped does not matter, since a profile has every count.
 */
export class ProfileMerger {
  #first: NamedProfile | undefined;
  readonly #alwaysKept = new Set<number>();
  readonly #sums = new Map<SplitName, SplitSum>();

  /** @throws VocabularyError PROFILE_MISMATCH for a profile of another tokenizer, model or length than the first */
  add(shard: NamedProfile): void {
    this.#check(shard);
    const { profile } = shard;
    for (const id of profile.alwaysKeptTokenIds) this.#alwaysKept.add(id);
    for (const split of profile.splits) {
      const sum = this.#sums.get(split.split) ?? new SplitSum(profile.fullVocabSize);
      this.#sums.set(split.split, sum);
      sum.addProfile(split);
    }
  }

  /** @throws VocabularyError INVALID_OPTION without profiles, and what selecting throws */
  async finish(options: SelectionSettings & { readonly pemmicanVersion: string }): Promise<VocabularyProfile> {
    if (this.#first === undefined) throw new VocabularyError('INVALID_OPTION', 'There is no profile to merge');
    const { pemmicanVersion, ...settings } = options;
    const { tokenizerDigest, fullVocabSize, hiddenSize, maxSequenceLength, unkTokenId } = this.#first.profile;
    const { maxTargetLength } = this.#first.profile;
    const lengths = { maxSequenceLength, ...(maxTargetLength === undefined ? {} : { maxTargetLength }) };
    const identity = { pemmicanVersion, tokenizerDigest, fullVocabSize, hiddenSize, ...lengths, unkTokenId };
    return assembleProfile(identity, this.#sums, this.#alwaysKept, settings);
  }

  #check({ name, profile }: NamedProfile): void {
    this.#first ??= { name, profile: { ...profile, splits: [] } };
    const { name: firstName, profile: first } = this.#first;
    for (const field of IDENTITY_FIELDS) {
      if (profile[field] === first[field]) continue;
      throw new VocabularyError(
        'PROFILE_MISMATCH',
        `${name}: ${field} is ${String(profile[field])}, in ${firstName} it is ${String(first[field])}; only profiles of the same tokenizer, model and sequence length can be merged`,
      );
    }
  }
}
