import type { BertConfig } from './bert-config.ts';
import type { Initializer, ParameterSpec, Task } from './model-family.ts';

export const BERT_EMBEDDING_MATRIX_NAME = 'bert.embeddings.word_embeddings.weight';

/**
 * Every trained tensor of BertForSequenceClassification, named as in its state dict.
 * @param vocabRows rows of the embedding matrix: the config's vocab_size, or fewer when reduced
 */
export function bertParameters(config: BertConfig, task: Task, labelCount: number, vocabRows: number): ParameterSpec[] {
  const { hiddenSize: hidden, intermediateSize: intermediate } = config;
  const normal: Initializer = { kind: 'normal', standardDeviation: config.initializerRange };
  const specs: ParameterSpec[] = [];
  const weight = (name: string, shape: readonly number[], initializer?: Initializer): void => {
    specs.push({ name, shape, hasWeightDecay: true, ...(initializer === undefined ? {} : { initializer }) });
  };
  const undecayed = (name: string, size: number, initializer?: Initializer): void => {
    specs.push({ name, shape: [size], hasWeightDecay: false, ...(initializer === undefined ? {} : { initializer }) });
  };
  const linear = (name: string, outputs: number, inputs: number): void => {
    weight(`${name}.weight`, [outputs, inputs]);
    undecayed(`${name}.bias`, outputs);
  };
  const layerNorm = (name: string): void => {
    undecayed(`${name}.weight`, hidden);
    undecayed(`${name}.bias`, hidden);
  };
  specs.push({
    name: BERT_EMBEDDING_MATRIX_NAME,
    shape: [vocabRows, hidden],
    hasWeightDecay: true,
    isEmbeddingMatrix: true,
  });
  weight('bert.embeddings.position_embeddings.weight', [config.maxPositionCount, hidden]);
  weight('bert.embeddings.token_type_embeddings.weight', [config.tokenTypeCount, hidden]);
  layerNorm('bert.embeddings.LayerNorm');
  for (let layer = 0; layer < config.layerCount; layer++) {
    const prefix = `bert.encoder.layer.${layer}`;
    for (const part of ['query', 'key', 'value']) linear(`${prefix}.attention.self.${part}`, hidden, hidden);
    linear(`${prefix}.attention.output.dense`, hidden, hidden);
    layerNorm(`${prefix}.attention.output.LayerNorm`);
    linear(`${prefix}.intermediate.dense`, intermediate, hidden);
    linear(`${prefix}.output.dense`, hidden, intermediate);
    layerNorm(`${prefix}.output.LayerNorm`);
  }
  weight('bert.pooler.dense.weight', [hidden, hidden], normal);
  undecayed('bert.pooler.dense.bias', hidden, { kind: 'zeros' });
  weight('classifier.weight', [task === 'regression' ? 1 : labelCount, hidden], {
    kind: 'normal',
    standardDeviation: 0.02,
  });
  undecayed('classifier.bias', task === 'regression' ? 1 : labelCount, { kind: 'zeros' });
  return specs;
}

/**
 * Names under which checkpoints keep a parameter: with the `bert.` prefix or without (a saved BertModel), and with the
 * LayerNorm names of TensorFlow's original release (`gamma`, `beta`).
 */
export function bertCheckpointNames(parameterName: string): string[] {
  const names = [parameterName];
  if (parameterName.startsWith('bert.')) names.push(parameterName.slice('bert.'.length));
  return names.flatMap((name) => [
    name,
    ...(name.endsWith('LayerNorm.weight') ? [name.replace(/weight$/, 'gamma')] : []),
    ...(name.endsWith('LayerNorm.bias') ? [name.replace(/bias$/, 'beta')] : []),
  ]);
}
