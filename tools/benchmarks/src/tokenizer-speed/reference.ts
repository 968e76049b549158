import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { corpusFile, FOLDER, tokenizerFile } from './environment.ts';
import { REFERENCE, REFERENCE_PACKAGES } from './peers.ts';
import { runChild } from './run-child.ts';

/** Ids of a whole corpus by Hugging Face's tokenizers, and how fast it was with all of it. */
export interface Reference {
  /** Path without extension. */
  readonly prefix: string;
  readonly sizeBytes: number;
  readonly recordCount: number;
  readonly tokenCount: number;
  /** Encoding with one thread, once, over the whole corpus, which shows that the sample's rate is the corpus's. */
  readonly wallMegabytesPerSecond: number;
  readonly cpuMegabytesPerSecond: number;
  readonly date: string;
}

const digestOf = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex').slice(0, 16);

/** Makes the reference, or takes the one that is there for the very same tokenizer, corpus and version. */
export async function ensureReference(tokenizer: string, corpus: string, isFresh: boolean): Promise<Reference> {
  const files = { tokenizerFile: tokenizerFile(tokenizer), corpusFile: corpusFile(corpus) };
  const key = [digestOf(files.tokenizerFile), digestOf(files.corpusFile), REFERENCE_PACKAGES[0]].join(' ');
  const folder = join(FOLDER, 'reference');
  mkdirSync(folder, { recursive: true });
  const prefix = join(folder, `${tokenizer}-${corpus}`);
  const summaryFile = `${prefix}.json`;
  if (existsSync(summaryFile) && !isFresh) {
    const known = JSON.parse(readFileSync(summaryFile, 'utf8')) as Reference & { key: string };
    if (known.key === key) return known;
  }
  console.error(`${tokenizer}, ${corpus}: ids of the whole corpus by the reference`);
  const report = await runChild('Python', {
    program: REFERENCE,
    ...files,
    referencePrefix: prefix,
    task: 'encode',
    threadCount: 1,
    batchRecords: 4096,
    blockBytes: 0,
    secondPassLimitMs: 0,
    isReference: true,
  });
  const measure = report.passes[0]?.encode;
  if (measure === undefined) throw new Error(`The reference failed: ${report.refusal}`);
  const reference: Reference & { key: string } = {
    key,
    prefix,
    sizeBytes: report.sizeBytes,
    recordCount: report.recordCount,
    tokenCount: report.tokenCount,
    wallMegabytesPerSecond: report.sizeBytes / 1e3 / measure.wallMs,
    cpuMegabytesPerSecond: report.sizeBytes / 1e3 / measure.cpuMs,
    date: new Date().toISOString().slice(0, 10),
  };
  writeFileSync(summaryFile, JSON.stringify(reference));
  return reference;
}
