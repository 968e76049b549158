/**
 * Counts one shard of a data set and ends: a pod of an Indexed Job (deploy/kubernetes/count-shards.yaml). MergeProfiles adds the
 * profiles up. Ends with 0, with 1 where another try may help, and with 2 where the input is wrong.
 * @module
 */
import { status as grpcStatus } from '@grpc/grpc-js';
import { createLogger, toRpcError } from '@pemmican/rpc';
import { analysisJob } from '../analysis-job.ts';
import { readConfig } from '../config.ts';
import { ERROR_RULES } from '../status.ts';
import { validateAnalysisSpec } from '../validate.ts';
import { ShardError, readShard } from './config.ts';

const { UNAVAILABLE, RESOURCE_EXHAUSTED, INTERNAL, CANCELLED } = grpcStatus;
const WORTH_ANOTHER_TRY: readonly number[] = [UNAVAILABLE, RESOURCE_EXHAUSTED, INTERNAL, CANCELLED];

const config = readOrEnd();
const logger = createLogger('vocabulary-analysis', config.logLevel);
const stopping = new AbortController();
process.once('SIGTERM', () => {
  stopping.abort();
});
try {
  const { index, spec } = readShard(process.env);
  validateAnalysisSpec(spec);
  config.artifactRoots.checkRequest(spec);
  const hooks = { uid: `shard-${index}`, signal: stopping.signal, onProgress: () => undefined };
  const { profileUri, splits } = await analysisJob(spec, config, hooks);
  const recordCount = splits.reduce((sum, split) => sum + split.recordCount, 0);
  logger.info('counted a shard', { index, recordCount, profile: profileUri });
} catch (error) {
  if (error instanceof ShardError) {
    logger.error('the shard was not counted', { problem: error.message });
    process.exitCode = 2;
  } else {
    const { code, message } = toRpcError(error, ERROR_RULES, logger);
    logger.error('the shard was not counted', { code: grpcStatus[code], problem: message });
    process.exitCode = WORTH_ANOTHER_TRY.includes(code) ? 1 : 2;
  }
}

/** A variable that cannot be read is no better at the next try. */
function readOrEnd(): ReturnType<typeof readConfig> {
  try {
    return readConfig(process.env);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(2);
  }
}
