/**
 * One measurement of an npm peer in a process of its own: `npm-peer-child.ts PLAN`.
 * @module
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { loadCorpus } from './corpus.ts';
import { NPM_FOLDER } from './environment.ts';
import type { ChildPlan, ChildReport, Pass } from './plan.ts';
import { peakResidentBytes, startClock } from './process-measures.ts';
import { ReferenceIds } from './reference-ids.ts';

type Encode = (text: string) => ArrayLike<number>;
interface Tiktoken {
  encode(text: string, allowed: string[], disallowed: string[]): ArrayLike<number>;
}

const requirePeer = createRequire(join(NPM_FOLDER, 'package.json'));

const LOADERS: Readonly<Record<string, (plan: ChildPlan) => Encode>> = {
  'npm tiktoken'({ encodingName = '' }) {
    const { get_encoding } = requirePeer('tiktoken') as { get_encoding: (name: string) => Tiktoken };
    const encoding = get_encoding(encodingName);
    return (text) => encoding.encode(text, [], []);
  },
  'npm js-tiktoken'({ encodingName = '' }) {
    const { getEncoding } = requirePeer('js-tiktoken') as { getEncoding: (name: string) => Tiktoken };
    const encoding = getEncoding(encodingName);
    return (text) => encoding.encode(text, [], []);
  },
  'npm gpt-tokenizer'({ encodingName = '' }) {
    // It has GPT-2's vocabulary by its other name.
    const name = encodingName === 'gpt2' ? 'r50k_base' : encodingName;
    const { encode } = requirePeer(`gpt-tokenizer/encoding/${name}`) as { encode: Encode };
    return (text) => encode(text);
  },
  'npm @huggingface/tokenizers'({ tokenizerFile }) {
    const { Tokenizer } = requirePeer('@huggingface/tokenizers') as {
      Tokenizer: new (
        file: unknown,
        config: unknown,
      ) => { encode(text: string, options: object): { ids: ArrayLike<number> } };
    };
    const tokenizer = new Tokenizer(JSON.parse(readFileSync(tokenizerFile, 'utf8')), {});
    return (text) => tokenizer.encode(text, { add_special_tokens: false }).ids;
  },
};

const plan = JSON.parse(process.argv[2] ?? '') as ChildPlan;
const encode = LOADERS[plan.program]?.(plan);
if (encode === undefined) throw new RangeError(`No program ${plan.program}`);
encode('a');
const corpus = loadCorpus(plan.corpusFile, plan.sampleBytes);
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const texts = Array.from(corpus.recordIndices, (_, record) =>
  decoder.decode(corpus.bytes.subarray(corpus.textOffsets[record], corpus.textOffsets[record + 1])),
);
const reference = ReferenceIds.read(plan.referencePrefix);
const passes: Pass[] = [];
let [differingRecordCount, differingIdCount, tokenCount, peakBytes] = [0, 0, 0, 0];
while (passes.length === 0 || (passes.length === 1 && (passes[0]?.encode?.wallMs ?? 0) < plan.secondPassLimitMs)) {
  const stop = startClock();
  const results = texts.map(encode);
  const encoded = stop();
  const counts = new Float64Array(1 << 19);
  for (const ids of results)
    for (let at = 0; at < ids.length; at++) counts[ids[at] ?? 0] = (counts[ids[at] ?? 0] ?? 0) + 1;
  passes.push({ encode: encoded, count: stop() });
  peakBytes ||= peakResidentBytes();
  const offsets = new Uint32Array(results.length + 1);
  for (const [record, ids] of results.entries()) offsets[record + 1] = (offsets[record] ?? 0) + ids.length;
  const flat = new Uint32Array(offsets.at(-1) ?? 0);
  for (const [record, ids] of results.entries()) flat.set(ids, offsets[record]);
  tokenCount = flat.length;
  differingRecordCount = Math.max(
    differingRecordCount,
    reference.differingRecords(flat, offsets, corpus.recordIndices),
  );
  differingIdCount = Math.max(differingIdCount, reference.differingCounts(counts, corpus.recordIndices));
}
const packageName = plan.program.slice('npm '.length);
const { version } = JSON.parse(readFileSync(join(NPM_FOLDER, 'node_modules', packageName, 'package.json'), 'utf8')) as {
  version: string;
};
const report: ChildReport = {
  version,
  sizeBytes: corpus.bytes.length,
  recordCount: corpus.recordIndices.length,
  tokenCount,
  passes,
  differingRecordCount,
  differingIdCount,
  peakResidentBytes: peakBytes,
};
console.log(JSON.stringify(report));
