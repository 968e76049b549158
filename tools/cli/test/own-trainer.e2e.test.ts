// deploy/kubernetes/train-job: transformers trains what `reduce` made, with the exported tokenizer, and `restore` takes it back.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { Checkpoint } from '@pemmican/safetensors';
import { openFolder } from '@pemmican/storage';
import { dataFile, modelFolder, oraclePython } from '@pemmican/testkit';
import { pemmican, python, tryPemmican } from './processes.ts';
import { TemporaryFolder } from './run-cli.ts';

const ROOT = path.resolve(import.meta.dirname, '../../..');
const FIXTURES = path.join(ROOT, 'libs/training/fixtures');

/** A run of PyTorch with every row (libs/training/fixtures/README.md). */
interface Reference {
  readonly row_ids: number[][];
  readonly log: { loss: number; grad_norm: number }[];
  readonly rows_digest: {
    rows: [id: number, sum: number, l2: number, change: number, first: number, second: number][];
  };
  /** Of the first rows of another file, by the trained model. */
  readonly eval_logits: number[][];
}

const reference = JSON.parse(
  gunzipSync(readFileSync(path.join(FIXTURES, 'minilm-sentiment.json.gz'))).toString(),
) as Reference;

const EMBEDDING_MATRIX = 'bert.embeddings.word_embeddings.weight';

async function readMatrix(folder: string): Promise<{ values: Float32Array; width: number }> {
  const checkpoint = await Checkpoint.open(await openFolder(folder));
  try {
    const { shape, lengthBytes } = checkpoint.get(EMBEDDING_MATRIX);
    const values = new Float32Array(lengthBytes / 4);
    await checkpoint.readRange(EMBEDDING_MATRIX, 0, new Uint8Array(values.buffer));
    return { values, width: shape[1]! };
  } finally {
    await checkpoint.close();
  }
}

/** Bit by bit. */
function isSame(one: Float32Array, other: Float32Array): boolean {
  const bytesOf = (values: Float32Array): Uint8Array =>
    new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return Buffer.compare(bytesOf(one), bytesOf(other)) === 0;
}

test(
  'a reduced checkpoint that transformers trains with the exported tokenizer is restored to the model of ordinary fine-tuning',
  { timeout: 600_000 },
  async () => {
    using folder = new TemporaryFolder();
    const [source, vocabulary, reduced, trained, restored] = ['source', 'vocabulary.json', 'reduced', 'trained', 'restored'].map((name) => folder.join(name)) as [string, string, string, string, string]; // prettier-ignore
    python('classifier_checkpoint.py', modelFolder('all-MiniLM-L6-v2'), path.join(FIXTURES, 'minilm-head.safetensors'), source); // prettier-ignore
    const data = dataFile('sentiment/amazon.json');
    pemmican('analyze', '--model', source, '--train-file', data, '--label-column', 'class', '--skip-invalid', '--output', vocabulary); // prettier-ignore
    pemmican('reduce', '--model', source, '--vocabulary', vocabulary, '--output', reduced, '--export-tokenizer');

    const metrics = folder.join('metrics.jsonl');
    const script = path.join(ROOT, 'deploy/kubernetes/train-job/train.py');
    const options = ['--train-file', data, '--label-column', 'class', '--dropout', '0', '--metrics-file', metrics];
    execFileSync(oraclePython(), [script, '--model', reduced, '--output', trained, ...options], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, HF_HUB_OFFLINE: '1', TOKENIZERS_PARALLELISM: 'false' },
    });
    const steps = readFileSync(metrics, 'utf8').trim().split('\n');
    assert.equal(steps.length, reference.log.length);
    // One PyTorch against another, whose attention is computed otherwise.
    steps.forEach((line, index) => {
      const { loss, gradNorm } = JSON.parse(line) as { loss: number; gradNorm: number };
      const expected = reference.log[index]!;
      assert.ok(Math.abs(loss - expected.loss) < 1e-5, `step ${index + 1}: loss ${loss}, ${expected.loss}`);
      assert.ok(Math.abs(gradNorm / expected.grad_norm - 1) < 1e-4, `step ${index + 1}: norm ${gradNorm}`);
    });

    pemmican('restore', '--model', source, '--trained', trained, '--output', restored);
    const [before, after] = [await readMatrix(source), await readMatrix(restored)];
    const { width } = before;
    assert.equal(after.values.length, before.values.length);
    const row = ({ values }: { values: Float32Array }, id: number): Float32Array =>
      values.subarray(id * width, (id + 1) * width);
    const used = new Set(reference.rows_digest.rows.map(([id]) => id));
    for (let id = 0; id < before.values.length / width; id++)
      if (!used.has(id)) assert.ok(isSame(row(after, id), row(before, id)), `row ${id} is not used`);
    for (const [id, , l2, , first, second] of reference.rows_digest.rows) {
      const values = row(after, id);
      assert.ok(Math.abs(Math.hypot(...values) / l2 - 1) < 1e-5, `row ${id}`);
      assert.ok(Math.abs(values[0]! - first) < 2e-5 && Math.abs(values[1]! - second) < 2e-5, `row ${id}`);
    }

    const records = (JSON.parse(readFileSync(dataFile('sentiment/yelp.json'), 'utf8')) as { text: string }[])
      .slice(0, reference.eval_logits.length)
      .map(({ text }) => JSON.stringify({ text }));
    const file = folder.join('yelp.jsonl');
    writeFileSync(file, `${records.join('\n')}\n`);
    const { logits } = JSON.parse(pemmican('predict', '--model', restored, '--file', file, '--json')) as {
      logits: number[][];
    };
    assert.equal(logits.length, reference.eval_logits.length);
    for (const [index, expected] of reference.eval_logits.entries())
      for (const [label, value] of expected.entries())
        assert.ok(Math.abs(logits[index]![label]! - value) < 2e-4, `record ${index}: ${logits[index]!.join(' ')}`);

    // Without the map that the script takes along, nobody could tell which rows these are.
    rmSync(path.join(trained, 'pemmican-token-id-map.json'));
    const refused = tryPemmican('restore', '--model', source, '--trained', trained, '--output', folder.join('none'));
    assert.equal(refused.status, 2, refused.stderr);
    assert.match(refused.stderr, /pemmican-token-id-map\.json/);
  },
);
