import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { Task } from '../src/mod.ts';

/** One tiny model of tools/oracles/src/models/make_fixtures.py: transformers 5.23 on PyTorch 2.15, float64. */
export interface Case {
  readonly name: string;
  readonly task: Task;
  readonly config: Record<string, unknown>;
  readonly labelCount: number;
  readonly inputIds: number[];
  readonly attentionMask: number[];
  readonly tokenTypeIds: number[];
  /** Of records, or the tokens or classes that `targetPositions` predict. */
  readonly labels: number[];
  readonly targetPositions?: number[];
  /** Of an encoder-decoder. */
  readonly decoderInputIds?: number[];
  readonly logits: number[];
  readonly loss: number;
  readonly parameters: Record<string, { shape: number[]; value: number[]; gradient: number[] }>;
}

/** A case that says which family it is of. */
export interface FamilyCase extends Case {
  readonly family: string;
}

export interface Fixture<Each extends Case = Case> {
  readonly batch: number;
  readonly length: number;
  /** Of an encoder-decoder. */
  readonly targetLength?: number;
  /** Buckets of the distances from `first` on, in a decoder with relative positions. */
  readonly causalBuckets?: { readonly first: number; readonly ids: number[] };
  readonly vocabRows: number;
  readonly cases: Each[];
}

const OTHERS: readonly string[] = ['tables', 'lora', 'lora-seq2seq', 'lora-tokens', 'lora-rows', 'question-answering'];
const FOLDER = path.join(import.meta.dirname, '../fixtures');

export function readFixture(name: string): unknown {
  return JSON.parse(gunzipSync(readFileSync(path.join(FOLDER, `${name}.json.gz`))).toString());
}

/** Every family's fixture, by model_type. */
export function familyFixtures(): Map<string, Fixture> {
  const names = readdirSync(FOLDER).map((file) => file.replace('.json.gz', ''));
  return new Map(names.filter((name) => !OTHERS.includes(name)).map((name) => [name, readFixture(name) as Fixture]));
}

/** Question answering in every family that has it. */
export function questionAnsweringFixture(): Fixture<FamilyCase> {
  return readFixture('question-answering') as Fixture<FamilyCase>;
}
