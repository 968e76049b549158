import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { TensorflowSession } from '@pemmican/engine';
import { parseModel, withLora } from '@pemmican/models';
import { EncodedDatasetBuilder, buildGenerationProgram, generate, type GenerationOptions } from './mod.ts';
import { loadVariables } from './parameter-transfer.ts';

/** One tiny model of tools/oracles/src/training/generation.py: transformers 5.23 on PyTorch 2.15, float32. */
interface Case {
  readonly name: string;
  readonly config: Record<string, unknown>;
  readonly maxNewTokens: number;
  readonly padTokenId: number;
  readonly startTokenId: number;
  readonly endTokenIds: number[];
  readonly sources: number[][];
  readonly sequences: number[][];
  readonly parameters: Record<string, { shape: number[]; value: number[] }>;
}

const CASES = JSON.parse(
  gunzipSync(readFileSync(path.join(import.meta.dirname, '../fixtures/generation.json.gz'))).toString(),
) as Case[];

function caseNamed(name: string): Case {
  return CASES.find((one) => one.name === name)!;
}

/** What is written with a case's weights, by record. */
async function writtenBy(
  one: Case,
  changes: Partial<GenerationOptions> = {},
  model = parseModel(one.config, 'config.json').withTying!(one.config['tie_word_embeddings'] === true),
): Promise<number[][]> {
  const rowsOf = (name: string): number => one.parameters[name]?.shape[0] ?? model.vocabSize;
  const program = buildGenerationProgram(model, {
    vocabRows: rowsOf(model.embeddingMatrixName),
    outputRows: rowsOf('lm_head.weight'),
  });
  const builder = new EncodedDatasetBuilder();
  for (const ids of one.sources) builder.add(ids, new Uint8Array(ids.length), 0);
  const session = TensorflowSession.open(program.savedModel);
  try {
    const variables = program.parameters.map(({ spec: { name, shape }, weight }) => ({
      port: weight,
      shape,
      // Only a fresh adapter's second matrix, which is 0, is not among them.
      readRows: () =>
        Promise.resolve(Float32Array.from(one.parameters[name]?.value ?? new Array(shape[0]! * shape[1]!).fill(0))),
    }));
    await loadVariables(session, variables);
    const options: GenerationOptions = {
      batchSize: 4,
      padId: one.padTokenId,
      startTokenId: one.startTokenId,
      endTokenIds: new Set(one.endTokenIds),
      maxNewTokens: one.maxNewTokens,
      toInputId: (tokenId) => tokenId,
      ...changes,
    };
    const written: number[][] = [];
    for await (const { firstRecord, sequences } of generate(session, builder.build(), options)) {
      assert.equal(firstRecord, written.length);
      written.push(...sequences.map((ids) => [...ids]));
    }
    return written;
  } finally {
    session.dispose();
  }
}

for (const one of CASES)
  test(`generate writes what transformers' greedy generate writes, whatever the batch: ${one.name}`, async () => {
    // Of several lengths: that rows wait for others, and stop, is part of what is compared.
    assert.ok(new Set(one.sequences.map(({ length }) => length)).size > 3);
    for (const batchSize of [3, one.sources.length])
      assert.deepEqual(await writtenBy(one, { batchSize }), one.sequences, `batches of ${batchSize}`);
  });

test('generate stops where every row has ended, and at the longest sequence', async () => {
  const one = caseNamed('T5 v1.1, its own output matrix, two ends');
  const cut = await writtenBy(one, { maxNewTokens: 5 });
  assert.deepEqual(cut, one.sequences.map((ids) => ids.slice(0, 5))); // prettier-ignore
  // A token that all rows write first ends them all: one step, and none after it.
  let stepCount = 0;
  const firsts = new Set(one.sequences.map(([first]) => first!));
  const stopped = await writtenBy(one, {
    endTokenIds: firsts,
    toInputId: (tokenId) => (stepCount++, tokenId),
  });
  assert.deepEqual(stopped, one.sequences.map((ids) => ids.slice(0, 1))); // prettier-ignore
  assert.equal(stepCount, 0);
});

test('generate reads what the caller makes of a token, and fails where that fails', async () => {
  const one = caseNamed('T5, tied');
  const record = one.sequences.findIndex((ids) => ids.length > 3);
  const refused = one.sequences[record]!.find((id, index) => index > 0 && id !== one.sequences[record]![0])!;
  const toInputId = (tokenId: number, of: number): number => {
    if (tokenId === refused) throw new RangeError(`no row for ${tokenId} in record ${of}`);
    return tokenId;
  };
  await assert.rejects(writtenBy(one, { batchSize: 1, toInputId }), new RegExp(`no row for ${refused} in record`));
});

test('generate writes with adapters: fresh ones change nothing', async () => {
  const one = caseNamed('mT5, starts with another token');
  const model = parseModel(one.config, 'config.json').withTying!(false);
  const lora = {
    rank: 2,
    alpha: 4,
    dropout: 0.5,
    targetModules: ['q', 'v', 'wo'],
    hasRankStabilization: false,
    drawnModules: [],
    trainsEmbeddings: false,
  };
  assert.deepEqual(await writtenBy(one, {}, withLora(model, lora)), one.sequences);
});

test('buildGenerationProgram refuses a model that does not write', () => {
  const sizes = { hidden_size: 12, num_hidden_layers: 1, num_attention_heads: 3, intermediate_size: 20 };
  const bert = parseModel({ model_type: 'bert', vocab_size: 30, max_position_embeddings: 9, ...sizes }, 'c');
  assert.throws(() => buildGenerationProgram(bert, { vocabRows: 30, outputRows: 30 }), /A bert model does not write/);
});
