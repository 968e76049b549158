/**
 * Speed of counting and encoding token ids beside Hugging Face's tokenizers and the fastest other libraries, all in one run:
 * `node tools/benchmarks/src/tokenizer-speed.ts [--part all|speed|memory|profile|report] [--tokenizers ...] [--corpora ...]
 * [--peers ...|none] [--repeats 3] [--quick] [--output docs/benchmarks/tokenizer-speed.md]`.
 *
 * It needs the tokenizers (`tools/setup/src/main.ts assets`) and the corpora (`tools/benchmarks/src/corpora.ts`), and
 * installs the peers below the cache folder. Each part keeps its results there, so that a part can be run again alone;
 * `report` only writes down what is there.
 * @module
 */
import { parseArgs } from 'node:util';
import { installPeers } from './tokenizer-speed/environment.ts';
import { measureMemory } from './tokenizer-speed/memory.ts';
import { PEERS, TOKENIZERS } from './tokenizer-speed/peers.ts';
import { measureProfile } from './tokenizer-speed/profile.ts';
import { PARTS, runPart, writeReport, type Part } from './tokenizer-speed/report.ts';
import { measureSpeed } from './tokenizer-speed/speed.ts';

// Of different families: WordPiece, byte-level BPE, BPE over whole lines, Unigram.
const ONE_OF_EACH_FAMILY = 'bert-base-uncased,llama3,gemma3,multilingual-e5-small';

const { values } = parseArgs({
  options: {
    part: { type: 'string', default: 'all' },
    tokenizers: { type: 'string', default: TOKENIZERS.join(',') },
    corpora: { type: 'string', default: 'english,languages' },
    peers: { type: 'string', default: PEERS.map((peer) => peer.name).join(',') },
    repeats: { type: 'string', default: '3' },
    'reference-megabytes': { type: 'string', default: '8' },
    'block-megabytes': { type: 'string', default: '1' },
    'memory-tokenizers': { type: 'string', default: ONE_OF_EACH_FAMILY },
    'memory-megabytes': { type: 'string', default: '25,50,100,200,439' },
    'small-cap-mebibytes': { type: 'string', default: '16' },
    'profile-tokenizers': { type: 'string', default: ONE_OF_EACH_FAMILY },
    // Each pass of the reference over a whole corpus takes ten seconds and more; its ids are kept from run to run.
    'fresh-reference': { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    output: { type: 'string' },
  },
});
const MEGABYTE = 1e6;
const BATCH_RECORDS = 4096;

const command = ['node tools/benchmarks/src/tokenizer-speed.ts', ...process.argv.slice(2)].join(' ');
const list = (option: string): string[] => option.split(',').filter((name) => name !== '' && name !== 'none');
const progress = (line: string): void => {
  console.error(line);
};
const parts: readonly Part[] = values.part === 'all' ? PARTS : PARTS.filter((part) => part === values.part);
if (parts.length === 0 && values.part !== 'report') throw new RangeError(`No part ${values.part}`);
const peers = list(values.peers).map((name) => {
  const peer = PEERS.find((each) => each.name === name);
  if (peer === undefined)
    throw new RangeError(`No peer ${name}; there are: ${PEERS.map((each) => each.name).join(', ')}`);
  return peer;
});
const blockBytes = Number(values['block-megabytes']) * MEGABYTE;

for (const part of parts) {
  if (part === 'speed')
    await runPart(part, command, async () =>
      measureSpeed(
        {
          tokenizers: list(values.tokenizers),
          corpora: list(values.corpora),
          peers,
          installFailures: await installPeers(peers),
          rounds: values.quick ? 1 : Number(values.repeats),
          referenceSampleBytes: (values.quick ? 2 : Number(values['reference-megabytes'])) * MEGABYTE,
          isReferenceFresh: values['fresh-reference'],
          slowShare: values.quick ? 0.25 : 1,
          blockBytes,
          batchRecords: BATCH_RECORDS,
        },
        progress,
      ),
    );
  else if (part === 'memory')
    await runPart(part, command, () =>
      measureMemory(
        {
          tokenizers: list(values['memory-tokenizers']),
          corpus: 'whole',
          prefixesBytes: list(values['memory-megabytes']).map((size) => Number(size) * MEGABYTE),
          capsBytes: [undefined, Number(values['small-cap-mebibytes']) * 2 ** 20],
        },
        progress,
      ),
    );
  else
    await runPart(part, command, () =>
      measureProfile(list(values['profile-tokenizers']), list(values.corpora), blockBytes, progress),
    );
}
writeReport(values.output);
