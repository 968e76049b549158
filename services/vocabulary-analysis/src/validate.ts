import { RecordKind, type AnalysisSpec } from '@pemmican/contract/vocabulary';
import { findTargetProblems } from '@pemmican/dataset';
import { FieldViolations } from '@pemmican/rpc';
import { StorageError, artifactName, parseLocation } from '@pemmican/storage';
import { isKnownFormat, toSplitName } from './convert/analysis-request.ts';
import { checkSequences } from './validate-sequences.ts';

const MAX_SEQUENCE_LENGTH = 1_000_000;
export const MAX_PAD_MULTIPLE = 65_536;

/** @throws RpcError INVALID_ARGUMENT with every field that is wrong */
export function validateAnalysisSpec(spec: AnalysisSpec): void {
  const violations = new FieldViolations();
  checkUri(violations, 'spec.model_uri', spec.modelUri, parseLocation);
  if (spec.profileUri !== '') checkUri(violations, 'spec.profile_uri', spec.profileUri, artifactName);
  violations.check(
    spec.padToMultipleOf <= MAX_PAD_MULTIPLE,
    'spec.pad_to_multiple_of',
    `is ${spec.padToMultipleOf}, must be at most ${MAX_PAD_MULTIPLE}`,
  );
  const { dataset } = spec;
  if (dataset === undefined) {
    violations.add('spec.dataset', 'must be set');
  } else {
    violations.check(dataset.files.length > 0, 'spec.dataset.files', 'must not be empty');
    violations.check(
      dataset.maxSequenceLength <= MAX_SEQUENCE_LENGTH,
      'spec.dataset.max_sequence_length',
      `is ${dataset.maxSequenceLength}, must be at most ${MAX_SEQUENCE_LENGTH}`,
    );
    violations.check(
      dataset.recordKind !== RecordKind.WORDS || dataset.textPairColumn === '',
      'spec.dataset.text_pair_column',
      'must be empty: words have no second text',
    );
    const hasTargets = dataset.recordKind === RecordKind.SOURCE_AND_TARGET;
    for (const problem of findTargetProblems(dataset, hasTargets, MAX_SEQUENCE_LENGTH))
      violations.add(`spec.dataset.${problem.field}`, problem.description);
    checkSequences(violations, 'spec.dataset', dataset);
    const seen = new Set<number>();
    dataset.files.forEach((file, index) => {
      checkUri(violations, `spec.dataset.files[${index}].uri`, file.uri, artifactName);
      violations.check(toSplitName(file.split) !== undefined, `spec.dataset.files[${index}].split`, 'must be set');
      violations.check(
        isKnownFormat(file.format),
        `spec.dataset.files[${index}].format`,
        `is ${file.format}, which names no format`,
      );
      violations.check(!seen.has(file.split), `spec.dataset.files[${index}].split`, 'is there twice');
      seen.add(file.split);
    });
  }
  violations.throwIfAny();
}

/** Adds a violation where a location cannot be what `parse` reads. */
export function checkUri(
  violations: FieldViolations,
  field: string,
  uri: string,
  parse: (uri: string) => unknown,
): void {
  try {
    parse(uri);
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    violations.add(field, error.message);
  }
}
