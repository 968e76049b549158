import type { ReduceSpec, RestoreSpec, SurgerySpec } from '@pemmican/contract/surgery';
import { FieldViolations } from '@pemmican/rpc';
import { StorageError, localPath, parseLocation } from '@pemmican/storage';

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
  checkUri(violations, 'spec.reduce.output_uri', spec.outputUri, localPath);
  if (spec.vocabulary === undefined) violations.add('spec.reduce.vocabulary', 'must be set');
  else if (spec.vocabulary.$case === 'profileUri')
    checkUri(violations, 'spec.reduce.profile_uri', spec.vocabulary.value, localPath);
  else
    violations.check(spec.vocabulary.value.fullTokenIds.length > 0, 'spec.reduce.kept_token_ids', 'must not be empty');
  violations.check(
    spec.padToMultipleOf <= MAX_PAD_MULTIPLE,
    'spec.reduce.pad_to_multiple_of',
    `is ${spec.padToMultipleOf}, must be at most ${MAX_PAD_MULTIPLE}`,
  );
}

function checkRestore(violations: FieldViolations, spec: RestoreSpec): void {
  checkUri(violations, 'spec.restore.model_uri', spec.modelUri, parseLocation);
  checkUri(violations, 'spec.restore.trained_uri', spec.trainedUri, localPath);
  checkUri(violations, 'spec.restore.output_uri', spec.outputUri, localPath);
}

function checkUri(violations: FieldViolations, field: string, uri: string, parse: (uri: string) => unknown): void {
  try {
    parse(uri);
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    violations.add(field, error.message);
  }
}
