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
  gemma2: 'model.',
  gemma3_text: 'model.',
  gpt2: 'transformer.',
  layoutlm: 'layoutlm.',
  llama: 'model.',
  modernbert: 'model.',
  mpnet: 'mpnet.',
  qwen2: 'model.',
  qwen3: 'model.',
  roberta: 'roberta.',
  'xlm-roberta': 'roberta.',
  'xlm-roberta-xl': 'roberta.',
  xmod: 'roberta.',
};

// First parts of a bare model's tensor names.
const BASE_ROOTS: readonly string[] = [
  'embeddings', 'embeddings_project', 'encoder', 'pooler', 'transformer', // encoders
  'embed_tokens', 'layers', 'norm', // Llama's kin
  'wte', 'wpe', 'h', 'ln_f', // GPT-2
]; // prettier-ignore

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

/** What names a restored checkpoint's tensors have; see `RestoreInputs.tensorNames`. */
export type TensorNaming = 'source' | 'task-model';

/** Whether a name is that of a part of the base model, such as the pooler, and not of a head. */
function isOfBaseModel(name: string, prefix: string): boolean {
  return name.startsWith(prefix) || BASE_ROOTS.includes(name.split('.')[0] ?? '');
}

/**
 * The name that a tensor gets in a restored checkpoint: a part of the base model has the prefix or not, as `isPrefixed` says,
 * a head keeps its name, which is where transformers looks for it.
 */
export function nameWithPrefix(name: string, prefix: string | undefined, isPrefixed: boolean): string {
  if (prefix === undefined || !isOfBaseModel(name, prefix)) return name;
  const bare = name.startsWith(prefix) ? name.slice(prefix.length) : name;
  return isPrefixed ? prefix + bare : bare;
}
