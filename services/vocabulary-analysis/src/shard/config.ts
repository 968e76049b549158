import { readFileSync } from 'node:fs';
import { AnalysisSpec } from '@pemmican/contract/vocabulary';
import { z } from 'zod';

const schema = z.object({
  /** File with an AnalysisSpec in proto3's JSON; `{index}` in it stands for the number of the shard. */
  PEMMICAN_SHARD_SPEC_FILE: z.string().min(1),
  /** Number of the shard, from 0: Kubernetes sets it in the pods of an Indexed Job. */
  JOB_COMPLETION_INDEX: z
    .string()
    .regex(/^\d{1,6}$/)
    .transform(Number),
});
const PLACEHOLDER = '{index}';

/** Thrown where the environment or the spec of a shard is wrong; another try would fail the same. */
export class ShardError extends Error {
  override readonly name = 'ShardError';
}

/** One shard of a data set and what is to be done with it. */
export interface Shard {
  readonly index: number;
  readonly spec: AnalysisSpec;
}

/**
 * Reads which shard this process counts.
 * @throws ShardError that names the variable, the file or the field that is wrong
 */
export function readShard(environment: Readonly<Record<string, string | undefined>>): Shard {
  const parsed = schema.safeParse(environment);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ');
    throw new ShardError(`Environment of a shard: ${problems}`);
  }
  const { PEMMICAN_SHARD_SPEC_FILE: file, JOB_COMPLETION_INDEX: index } = parsed.data;
  const template = readSpec(file);
  // Shards would replace each other's profiles, or count the same records.
  if (!template.profileUri.includes(PLACEHOLDER))
    throw new ShardError(`${file}: profileUri is "${template.profileUri}" and has to hold ${PLACEHOLDER}`);
  const files = template.dataset?.files ?? [];
  if (!files.some(({ uri }) => uri.includes(PLACEHOLDER)))
    throw new ShardError(`${file}: no uri of dataset.files holds ${PLACEHOLDER}`);
  const here = (uri: string): string => uri.replaceAll(PLACEHOLDER, String(index));
  return {
    index,
    spec: AnalysisSpec.fromPartial({
      ...template,
      profileUri: here(template.profileUri),
      dataset: { ...template.dataset, files: files.map((each) => ({ ...each, uri: here(each.uri) })) },
    }),
  };
}

function readSpec(file: string): AnalysisSpec {
  try {
    return AnalysisSpec.fromJSON(JSON.parse(readFileSync(file, 'utf8')));
  } catch (cause) {
    throw new ShardError(`${file} is no AnalysisSpec in JSON: ${(cause as Error).message}`, { cause });
  }
}
