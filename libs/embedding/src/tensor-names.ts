/*
 * A checkpoint of a bare encoder names its tensors without the prefix that a task model gives them ("bert."), and
 * TensorFlow's original BERT calls LayerNorm's weight and bias gamma and beta. transformers loads all of them; so do we.
 */

// `base_model_prefix` of the families in transformers; others are found by comparing two checkpoints' names.
const BASE_PREFIXES: Readonly<Record<string, string>> = {
  albert: 'albert.',
  bert: 'bert.',
  camembert: 'roberta.',
  deberta: 'deberta.',
  'deberta-v2': 'deberta.',
  distilbert: 'distilbert.',
  electra: 'electra.',
  ernie: 'ernie.',
  gpt2: 'transformer.',
  layoutlm: 'layoutlm.',
  modernbert: 'model.',
  mpnet: 'mpnet.',
  roberta: 'roberta.',
  'xlm-roberta': 'roberta.',
  'xlm-roberta-xl': 'roberta.',
  xmod: 'roberta.',
};

// First parts of a bare encoder's tensor names.
const BASE_ROOTS: readonly string[] = ['embeddings', 'encoder', 'pooler', 'transformer'];

/** The prefix of the base model's tensors in a task model of this type, such as `bert.`; undefined where not known. */
export function basePrefix(modelType: string | undefined): string | undefined {
  return modelType !== undefined && Object.hasOwn(BASE_PREFIXES, modelType) ? BASE_PREFIXES[modelType] : undefined;
}

/** The name without the base model's prefix and with LayerNorm's present names: equal for the same tensor in two checkpoints. */
export function canonicalName(name: string, prefix: string | undefined): string {
  const bare = prefix !== undefined && name.startsWith(prefix) ? name.slice(prefix.length) : name;
  return bare
    .replace(/(LayerNorm\.|layer_norm\.)gamma$/i, '$1weight')
    .replace(/(LayerNorm\.|layer_norm\.)beta$/i, '$1bias');
}

/**
 * The name that a tensor which only the trained checkpoint has gets beside the source's tensors: a part of the base model
 * (a pooler made new) is prefixed as the source's are, a head is not, which is where transformers looks for it.
 */
export function nameBesideSource(trainedName: string, prefix: string | undefined, isSourcePrefixed: boolean): string {
  if (prefix === undefined) return trainedName;
  const isPrefixed = trainedName.startsWith(prefix);
  const bare = isPrefixed ? trainedName.slice(prefix.length) : trainedName;
  const isOfBase = isPrefixed || BASE_ROOTS.includes(bare.split('.')[0] ?? '');
  return isOfBase && isSourcePrefixed ? prefix + bare : isOfBase ? bare : trainedName;
}
