import type { ReduceSpec, RestoreSpec, SurgerySpec } from '@pemmican/contract/surgery';
import { FieldViolations } from '@pemmican/rpc';
import { StorageError, artifactName, parseLocation } from '@pemmican/storage';

// A larger multiple would add more rows than vocabularies have.
const MAX_PAD_MULTIPLE = 65_536;

/** @throws RpcError INVALID_ARGUMENT with every field that is wrong */
export function validateSurgerySpec(spec: SurgerySpec): void {
  const violations = new FieldViolations();
  const { operation } = spec;
  if (operation === undefined) violations.add('spec.operation', 'must be set');
  else if (operation.$case === 'reduce') checkReduce(violations, operation.value);
  else checkRestore(violations, operation.value);
  violations.throwIfAny();
}

function checkReduce(violations: FieldViolations, spec: ReduceSpec): void {
  checkUri(violations, 'spec.reduce.model_uri', spec.modelUri, parseLocation);
  checkUri(violations, 'spec.reduce.output_uri', spec.outputUri, outputName);
  if (spec.vocabulary === undefined) violations.add('spec.reduce.vocabulary', 'must be set');
  else if (spec.vocabulary.$case === 'profileUri')
    checkUri(violations, 'spec.reduce.profile_uri', spec.vocabulary.value, artifactName);
  else
    violations.check(spec.vocabulary.value.fullTokenIds.length > 0, 'spec.reduce.kept_token_ids', 'must not be empty');
  const profile = spec.vocabulary?.$case === 'profileUri' ? spec.vocabulary.value : '';
  checkOutput(violations, 'spec.reduce.output_uri', spec.outputUri, [spec.modelUri, profile]);
  violations.check(
    spec.padToMultipleOf <= MAX_PAD_MULTIPLE,
    'spec.reduce.pad_to_multiple_of',
    `is ${spec.padToMultipleOf}, must be at most ${MAX_PAD_MULTIPLE}`,
  );
}

function checkRestore(violations: FieldViolations, spec: RestoreSpec): void {
  checkUri(violations, 'spec.restore.model_uri', spec.modelUri, parseLocation);
  checkUri(violations, 'spec.restore.trained_uri', spec.trainedUri, artifactName);
  checkUri(violations, 'spec.restore.output_uri', spec.outputUri, outputName);
  checkOutput(violations, 'spec.restore.output_uri', spec.outputUri, [spec.modelUri, spec.trainedUri]);
}

/** Replacing a folder that an input lies in would destroy that input. */
function checkOutput(
  violations: FieldViolations,
  field: string,
  outputUri: string,
  inputUris: readonly string[],
): void {
  const output = tryArtifactName(outputUri);
  if (output === undefined) return;
  for (const inputUri of inputUris) {
    const input = tryArtifactName(inputUri);
    if (input === undefined) continue;
    const isInside = input === output || input.startsWith(output.endsWith('/') ? output : `${output}/`);
    violations.check(!isInside, field, `${output} must not be or hold what is read: ${input}`);
  }
}

/** Where a folder is to be written: not over a whole bucket. */
function outputName(uri: string): string {
  const location = parseLocation(uri);
  if (location.kind === 's3' && location.key === '')
    throw new StorageError('INVALID_URI', uri, 'a folder cannot be a whole bucket; name a prefix in it');
  return artifactName(uri);
}

/** The one spelling of a location that can be written; undefined for any other, which is judged elsewhere. */
function tryArtifactName(uri: string): string | undefined {
  try {
    return artifactName(uri);
  } catch (error) {
    if (error instanceof StorageError) return undefined;
    throw error;
  }
}

function checkUri(violations: FieldViolations, field: string, uri: string, parse: (uri: string) => unknown): void {
  try {
    parse(uri);
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    violations.add(field, error.message);
  }
}
