import { join } from 'node:path';
import { corpusFile, FOLDER, tokenizerFile, type InstallFailures } from './environment.ts';
import { addReport, newMeasurement, OURS, type Measurement } from './measurement.ts';
import { ENCODING_NAMES, REFERENCE, type Peer } from './peers.ts';
import type { ChildPlan } from './plan.ts';
import { ensureReference, type Reference } from './reference.ts';
import { runChild, type ProgramKind } from './run-child.ts';

export interface SpeedOptions {
  readonly tokenizers: readonly string[];
  readonly corpora: readonly string[];
  readonly peers: readonly Peer[];
  readonly installFailures: InstallFailures;
  readonly rounds: number;
  /** Records of the corpus that Hugging Face's tokenizers get in each round. */
  readonly referenceSampleBytes: number;
  /** Make the reference's ids anew, and time that. */
  readonly isReferenceFresh: boolean;
  /** Shrinks the samples of slow peers. */
  readonly slowShare: number;
  readonly blockBytes: number;
  readonly batchRecords: number;
}

export interface SpeedResults {
  readonly measurements: readonly Measurement[];
  readonly references: readonly (Reference & { readonly tokenizer: string; readonly corpus: string })[];
}

/** One process of a round. */
interface Contender {
  readonly kind: ProgramKind;
  readonly measurement: Measurement;
  readonly task: ChildPlan['task'];
  readonly sampleBytes: number | undefined;
  /** In the first round only. */
  readonly isOnce: boolean;
}

const SECOND_PASS_LIMIT_MS = 2500;

function contendersOf(tokenizer: string, corpus: string, options: SpeedOptions): Contender[] {
  const contenders: Contender[] = [];
  for (const threadCount of [1, 2]) {
    const place = { tokenizer, corpus, threadCount };
    const ours = newMeasurement({ ...place, program: OURS });
    const reference = newMeasurement({ ...place, program: REFERENCE });
    const sampleBytes = options.referenceSampleBytes;
    contenders.push({ kind: 'Python', measurement: reference, task: 'encode', sampleBytes, isOnce: false });
    for (const task of ['count', 'encode'] as const)
      contenders.push({ kind: 'ours', measurement: ours, task, sampleBytes: undefined, isOnce: false });
    for (const peer of options.peers) {
      const isSlow = peer.sampleMegabytes !== undefined;
      if (!peer.tokenizers.includes(tokenizer) || (isSlow && threadCount > 1)) continue;
      const measurement = newMeasurement({ ...place, program: peer.name });
      const missing = peer.packages.find((name) => options.installFailures[name] !== undefined);
      if (missing !== undefined)
        measurement.refusal = `${missing} does not install: ${options.installFailures[missing]}`;
      contenders.push({
        kind: peer.language,
        measurement,
        task: 'encode',
        sampleBytes: isSlow ? (peer.sampleMegabytes ?? 0) * 1e6 * options.slowShare : undefined,
        isOnce: threadCount > 1 || !peer.everyRound.includes(tokenizer),
      });
    }
  }
  return contenders;
}

/** Measures everything in rounds: each program in a process of its own, in turns, in another order each round. */
export async function measureSpeed(options: SpeedOptions, onProgress: (line: string) => void): Promise<SpeedResults> {
  const measurements: Measurement[] = [];
  const references: SpeedResults['references'][number][] = [];
  for (const tokenizer of options.tokenizers)
    for (const corpus of options.corpora) {
      const reference = await ensureReference(tokenizer, corpus, options.isReferenceFresh);
      references.push({ ...reference, tokenizer, corpus });
      const contenders = contendersOf(tokenizer, corpus, options);
      for (let round = 0; round < options.rounds; round++) {
        for (let turn = 0; turn < contenders.length; turn++) {
          const contender = contenders[(turn + round) % contenders.length];
          if (contender === undefined || contender.measurement.refusal !== undefined) continue;
          if (contender.isOnce && round > 0) continue;
          await measureOnce(contender, reference, options);
        }
      }
      const own = [...new Set(contenders.map((contender) => contender.measurement))];
      measurements.push(...own);
      onProgress(describe(tokenizer, corpus, own));
    }
  return { measurements, references };
}

async function measureOnce(contender: Contender, reference: Reference, options: SpeedOptions): Promise<void> {
  const { measurement, sampleBytes } = contender;
  const encodingName = ENCODING_NAMES[measurement.tokenizer];
  const report = await runChild(contender.kind, {
    program: measurement.program,
    tokenizerFile: tokenizerFile(measurement.tokenizer),
    ...(encodingName === undefined ? {} : { encodingName }),
    corpusFile: corpusFile(measurement.corpus),
    referencePrefix: reference.prefix,
    task: contender.task,
    threadCount: measurement.threadCount,
    ...(sampleBytes === undefined ? {} : { sampleBytes }),
    batchRecords: options.batchRecords,
    blockBytes: options.blockBytes,
    secondPassLimitMs: SECOND_PASS_LIMIT_MS,
  });
  addReport(measurement, report);
}

function describe(tokenizer: string, corpus: string, measurements: readonly Measurement[]): string {
  const parts = measurements.map(({ program, threadCount, count, encode, refusal, ...rest }) => {
    if (refusal !== undefined) return `${program}: ${refusal}`;
    const rates = [count, encode].map(({ coldWall }) => coldWall.map((rate) => rate.toFixed(1)).join(' '));
    return `${program} ${threadCount}t ${rates.join(' / ')} MB/s, ${rest.differingRecordCount}+${rest.differingIdCount} differ`;
  });
  return `${tokenizer}, ${corpus}:\n  ${parts.join('\n  ')}`;
}

export const SPEED_RESULTS: string = join(FOLDER, 'speed.json');
