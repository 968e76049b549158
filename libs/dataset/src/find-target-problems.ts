/** What a request says of targets. */
export interface TargetFields {
  readonly targetColumn: string;
  readonly sourcePrefix: string;
  /** Tokens; 0: the default. */
  readonly maxTargetLength: number;
  readonly textPairColumn: string;
}

/** A field that is not as it must be, by its name in the contract. */
export interface TargetProblem {
  readonly field: 'max_target_length' | 'target_column' | 'source_prefix' | 'text_pair_column';
  readonly description: string;
}

/**
 * What is wrong with the fields that only records of source and target have, whatever the task.
 * @param hasTargets whether the records are of that kind
 * @param limit tokens of the longest sequence that may be asked for
 */
export function findTargetProblems(fields: TargetFields, hasTargets: boolean, limit: number): TargetProblem[] {
  const { targetColumn, sourcePrefix, maxTargetLength, textPairColumn } = fields;
  const problems: TargetProblem[] = [];
  const check = (isRight: boolean, field: TargetProblem['field'], description: string): void => {
    if (!isRight) problems.push({ field, description });
  };
  check(maxTargetLength <= limit, 'max_target_length', `is ${maxTargetLength}, must be at most ${limit}`);
  const others = [
    ['target_column', targetColumn !== ''],
    ['source_prefix', sourcePrefix !== ''],
    ['max_target_length', maxTargetLength !== 0],
  ] as const;
  for (const [field, isSet] of others)
    check(hasTargets || !isSet, field, 'must not be set: the records have no targets');
  check(!hasTargets || textPairColumn === '', 'text_pair_column', 'must be empty: sources have no second text');
  return problems;
}
