import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { PredictRequest, Task, type GeneratedText } from '@pemmican/contract/trainer';
import { RecordKind, Split } from '@pemmican/contract/vocabulary';
import { reduceCheckpoint } from '@pemmican/embedding';
import { entryOf, writeSafetensors } from '@pemmican/safetensors';
import { createFolder, openFolder } from '@pemmican/storage';
import { TokenIdMap } from '@pemmican/vocabulary';
import { predictRun } from './predict-run.ts';

/** One tiny model of tools/oracles/src/training/generation.py, with what transformers' `generate` writes. */
interface Case {
  readonly config: Record<string, unknown>;
  readonly maxNewTokens: number;
  readonly startTokenId: number;
  readonly endTokenIds: number[];
  readonly sources: number[][];
  readonly sequences: number[][];
  readonly parameters: Record<string, { shape: number[]; value: number[] }>;
}

const FIXTURE = path.resolve(import.meta.dirname, '../../../../libs/training/fixtures/generation.json.gz');
const [TIED, UNTIED] = JSON.parse(gunzipSync(readFileSync(FIXTURE)).toString()) as [Case, Case];
const VOCAB_SIZE = 40;
const [PAD, END, UNKNOWN] = [0, 1, 39];
const SPECIAL = ['<pad>', '</s>'];

/** A tokenizer with a word for each id, whose texts end as T5's do. */
function tokenizerJson(changes: Record<string, unknown>): object {
  const words = Array.from({ length: VOCAB_SIZE }, (_, id) => SPECIAL[id] ?? `▁w${id}`);
  const metaspace = { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true };
  const added = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  const end = { SpecialToken: { id: '</s>', type_id: 0 } };
  const single = [{ Sequence: { id: 'A', type_id: 0 } }, end];
  return {
    added_tokens: SPECIAL.map((content, id) => ({ id, content, ...added })),
    normalizer: null,
    pre_tokenizer: metaspace,
    post_processor: {
      type: 'TemplateProcessing', single, pair: [...single, { Sequence: { id: 'B', type_id: 0 } }, end],
      special_tokens: { '</s>': { id: '</s>', ids: [END], tokens: ['</s>'] } },
    },
    decoder: metaspace,
    model: { type: 'WordLevel', vocab: Object.fromEntries(words.map((word, id) => [word, id])), unk_token: `▁w${UNKNOWN}` },
    ...changes,
  }; // prettier-ignore
}

const textOf = (ids: readonly number[]): string =>
  ids.flatMap((id) => (id === PAD || id === END ? [] : [`w${id}`])).join(' ');

/** Writes a case as a model folder. */
async function modelFolder(
  folder: string,
  one: Case,
  files: Readonly<Record<string, object | undefined>> = {},
): Promise<string> {
  const model = path.join(folder, 'model');
  mkdirSync(model);
  const parts: Uint8Array[] = [];
  await writeSafetensors(
    { name: 'model.safetensors', write: (bytes) => Promise.resolve(void parts.push(bytes.slice())) },
    Object.entries(one.parameters).map(([name, { shape, value }]) =>
      entryOf(name, 'F32', shape, new Uint8Array(Float32Array.from(value).buffer)),
    ),
    { format: 'pt' },
  );
  writeFileSync(path.join(model, 'model.safetensors'), Buffer.concat(parts));
  const all = {
    'config.json': { ...one.config, eos_token_id: one.endTokenIds },
    'tokenizer.json': tokenizerJson({}),
    'tokenizer_config.json': { pad_token: '<pad>', eos_token: '</s>' },
    ...files,
  };
  for (const [name, value] of Object.entries(all))
    if (value !== undefined) writeFileSync(path.join(model, name), JSON.stringify(value));
  return model;
}

/** The folder with only some rows of its embedding matrix, and of the output matrix where that is the same. */
async function reduced(model: string, keptTokenIds: Iterable<number>, isTied: boolean): Promise<string> {
  const kept = Uint32Array.from([...new Set(keptTokenIds)].sort((a, b) => a - b));
  const target = `${model}-${kept.length}-rows`;
  await reduceCheckpoint({
    source: await openFolder(model),
    destination: await createFolder(target),
    tokenIdMap: TokenIdMap.create(VOCAB_SIZE, kept),
    pemmicanVersion: '0.1.0',
    restrictsOutput: isTied,
  });
  return target;
}

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'pemmican-texts-'));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

/** What a folder's model writes of records. */
async function written(
  model: string,
  rows: readonly object[],
  maxTargetLength = 24,
  signal?: AbortSignal,
): Promise<GeneratedText[]> {
  const uri = path.join(path.dirname(model), 'records.jsonl');
  writeFileSync(uri, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const request = PredictRequest.fromPartial({
    modelUri: model,
    task: Task.SEQ2SEQ_LM,
    batchSize: 4,
    dataset: { files: [{ split: Split.TEST, uri }], recordKind: RecordKind.SOURCE_AND_TARGET, maxTargetLength },
  });
  const texts: GeneratedText[] = [];
  const options = { tensorflow: 'cpu', hub: { cacheFolder: path.dirname(model) } } as const;
  for await (const response of predictRun(request, { ...options, ...(signal === undefined ? {} : { signal }) })) {
    assert.equal(response.firstRecordIndex, texts.length);
    texts.push(...response.generatedTexts);
  }
  return texts;
}

const sourcesOf = (one: Case): { text: string }[] => one.sources.map((ids) => ({ text: textOf(ids) }));

test('predictRun writes the texts of transformers’ ids, and compares those whose record has a target', async (t) => {
  const model = await modelFolder(temporaryFolder(t), TIED);
  const rows = sourcesOf(TIED).map((row, index) =>
    index === 1 ? { ...row, target: null } : index === 2 ? row : { ...row, target: textOf([28, 9, 28]) },
  );
  const texts = await written(model, rows);
  assert.deepEqual(
    texts.map(({ text, tokenCount, isFinished }) => [text, tokenCount, isFinished]),
    TIED.sequences.map((ids) => [textOf(ids), ids.length, ids.at(-1) === END]),
  );
  assert.deepEqual(texts[0]?.rouge, { rouge1: 1, rouge2: 1, rougeL: 1 });
  // w28 w9 w28 of the eight words that it wrote: precision 3 / 8, recall 1.
  assert.ok(Math.abs(texts[4]!.rouge!.rouge1 - 6 / 11) < 1e-12);
  assert.deepEqual([texts[1]?.rouge, texts[2]?.rouge], [undefined, undefined]);
  const cut = await written(model, sourcesOf(TIED), 3);
  assert.deepEqual(
    cut.map(({ text }) => text),
    TIED.sequences.map((ids) => textOf(ids.slice(0, 3))),
  );
});

test('predictRun writes with reduced models what the full one writes', async (t) => {
  for (const [one, isTied] of [[TIED, true], [UNTIED, false]] as const) {
    const model = await modelFolder(temporaryFolder(t), one);
    // A few records, so that their tokens are not all there are.
    const [sources, sequences] = [one.sources.slice(0, 3), one.sequences.slice(0, 3)];
    const used = new Set([PAD, END, UNKNOWN, one.startTokenId, ...sources.flat(), ...sequences.flat()]);
    assert.ok(used.size < VOCAB_SIZE - 5 && Math.max(...used) >= used.size, 'ids and rows differ');
    const texts = await written(await reduced(model, used, isTied), sourcesOf(one).slice(0, 3));
    assert.deepEqual(
      texts.map(({ text }) => text),
      sequences.map(textOf),
    );
  }
}); // prettier-ignore

test('predictRun refuses to go on from a token that a reduced model has no row for', async (t) => {
  const model = await modelFolder(temporaryFolder(t), UNTIED);
  const [source, sequence] = [UNTIED.sources[0]!, UNTIED.sequences[0]!];
  const unread = sequence.find((id, index) => index > 0 && !source.includes(id) && id !== sequence[0])!;
  const kept = [PAD, END, UNKNOWN, ...source, ...sequence].filter((id) => id !== unread);
  const folder = await reduced(model, kept, false);
  const [row] = sourcesOf(UNTIED);
  await assert.rejects(
    written(folder, [row!]),
    new RegExp(`of record 0 it writes token id ${unread} \\("▁w${unread}"\\), and has no embedding row to read it by`),
  );
  // Nothing reads the last token.
  const length = sequence.indexOf(unread) + 1;
  assert.equal((await written(folder, [row!], length))[0]?.text, textOf(sequence.slice(0, length)));
});

test('predictRun takes starts and ends from generation_config.json before config.json', async (t) => {
  const ends = { 'generation_config.json': { eos_token_id: [END, 28], no_repeat_ngram_size: 0, min_length: null } };
  const model = await modelFolder(temporaryFolder(t), TIED, ends);
  const texts = await written(model, sourcesOf(TIED));
  const cut = TIED.sequences.map((ids) => (ids.includes(28) ? ids.slice(0, ids.indexOf(28) + 1) : ids));
  assert.deepEqual(
    texts.map(({ text }) => text),
    cut.map(textOf),
  );
  assert.ok(texts[0]?.isFinished);
  const started = await modelFolder(temporaryFolder(t), TIED, { 'generation_config.json': { decoder_start_token_id: 9 } });
  assert.notDeepEqual((await written(started, sourcesOf(TIED))).map(({ text }) => text), cut.map(textOf));
}); // prettier-ignore

const REFUSED: readonly (readonly [files: Record<string, object>, message: RegExp])[] = [
  [{ 'generation_config.json': { no_repeat_ngram_size: 3 } }, /generation_config\.json: no_repeat_ngram_size is 3, which is not supported/],
  [{ 'generation_config.json': { forced_bos_token_id: 4 } }, /forced_bos_token_id is 4, which is not supported/],
  [{ 'generation_config.json': { suppress_tokens: [4] } }, /suppress_tokens is \[4\], which is not supported/],
  [{ 'generation_config.json': { eos_token_id: [1, 40] } }, /eos_token_id is \[1,40\], expected integers from 0 to below 40/],
  [{ 'generation_config.json': [] }, /generation_config\.json: is not a JSON object/],
  [{ 'tokenizer.json': tokenizerJson({ decoder: { type: 'CTC' } }) }, /tokenizer\.json\.decoder: the decoder CTC is not supported/],
]; // prettier-ignore
for (const [files, message] of REFUSED)
  test(`predictRun refuses ${JSON.stringify(files).slice(0, 70)}`, async (t) => {
    const model = await modelFolder(temporaryFolder(t), TIED, files);
    await assert.rejects(written(model, sourcesOf(TIED)), message);
  });

test('predictRun refuses settings of generation that it does not follow with UNSUPPORTED_GENERATION', async (t) => {
  const files = { 'generation_config.json': { no_repeat_ngram_size: 3 } };
  const model = await modelFolder(temporaryFolder(t), TIED, files);
  await assert.rejects(written(model, sourcesOf(TIED)), { reason: 'UNSUPPORTED_GENERATION' });
});

test('predictRun refuses a model that does not write, and sources that are no texts', async (t) => {
  const bert = { model_type: 'bert', vocab_size: VOCAB_SIZE, hidden_size: 12, num_hidden_layers: 1, num_attention_heads: 3, intermediate_size: 20, max_position_embeddings: 9 }; // prettier-ignore
  const other = await modelFolder(temporaryFolder(t), TIED, { 'config.json': bert });
  await assert.rejects(written(other, sourcesOf(TIED)), /a bert model is not trained for seq2seq-lm here/);
  const model = await modelFolder(temporaryFolder(t), TIED);
  await assert.rejects(written(model, [{ text: 7 }]), /records\.jsonl: row 1: "text" is 7, expected a string/);
  await assert.rejects(written(model, [{ text: 'w2', target: 7 }]), /row 1: "target" is 7, expected a string/);
});

test('predictRun stops between two tokens when it is told to', async (t) => {
  const model = await modelFolder(temporaryFolder(t), TIED);
  await assert.rejects(written(model, sourcesOf(TIED), 24, AbortSignal.abort(new Error('enough'))), /enough/);
});
