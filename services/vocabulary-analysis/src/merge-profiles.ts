import type { AnalysisResult, MergeProfilesRequest } from '@pemmican/contract/vocabulary';
import { FieldViolations } from '@pemmican/rpc';
import { artifactName, writeFileWhole } from '@pemmican/storage';
import { toAnalysisResult } from './convert/analysis-result.ts';
import { runInWorker } from './run-in-worker.ts';
import { MAX_PAD_MULTIPLE, checkUri } from './validate.ts';

// An indexed job of more shards than this is better merged in groups; the result is the same.
const MAX_PROFILE_COUNT = 10_000;

/** Adds the profiles of shards up and writes the sum. */
export async function mergeProfiles(request: MergeProfilesRequest, signal: AbortSignal): Promise<AnalysisResult> {
  validate(request);
  const { keepTokenIds, padToMultipleOf, minCount, maxRows } = request;
  const profileFiles = request.profileUris.map(artifactName);
  const settings = { keepTokenIds, padToMultipleOf, minCount, maxRows };
  const profile = await runInWorker({ kind: 'merge', request: { profileFiles, ...settings } }, { signal });
  if (profile === undefined) throw new TypeError('Unreachable: a merge ends with a profile or an error');
  const bytes = new TextEncoder().encode(`${JSON.stringify(profile)}\n`);
  const output = artifactName(request.outputUri);
  await writeFileWhole(output, bytes, { signal });
  return toAnalysisResult(profile, output, bytes.length);
}

function validate(request: MergeProfilesRequest): void {
  const violations = new FieldViolations();
  const { profileUris, outputUri, padToMultipleOf } = request;
  violations.check(
    profileUris.length > 0 && profileUris.length <= MAX_PROFILE_COUNT,
    'profile_uris',
    `has ${profileUris.length} profiles, must have from 1 to ${MAX_PROFILE_COUNT}`,
  );
  profileUris.forEach((uri, index) => {
    checkUri(violations, `profile_uris[${index}]`, uri, artifactName);
  });
  checkUri(violations, 'output_uri', outputUri, artifactName);
  violations.check(
    padToMultipleOf <= MAX_PAD_MULTIPLE,
    'pad_to_multiple_of',
    `is ${padToMultipleOf}, must be at most ${MAX_PAD_MULTIPLE}`,
  );
  violations.throwIfAny();
}
