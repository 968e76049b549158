import { isLanguageModeling, type Task } from '@pemmican/models';
import type { PreparedData } from './prepared-data.ts';
import type { PreparedModel } from './prepared-model.ts';

/** The source's config.json with the head that was trained, as transformers' save_pretrained writes it. */
export function trainedConfig(prepared: PreparedModel, data: PreparedData, task: Task): Record<string, unknown> {
  const architectures = [prepared.model.architecture(task)];
  if (isLanguageModeling(task)) return { ...prepared.config, architectures };
  // transformers has two labels where the config names none, a start and an end.
  if (task === 'question-answering') {
    const { id2label: _names, label2id: _ids, problem_type: _type, ...config } = prepared.config;
    return { ...config, architectures };
  }
  const names = Array.from({ length: data.labelCount }, (_, index) => data.labelNames?.[index] ?? `LABEL_${index}`);
  return {
    ...prepared.config,
    architectures,
    // transformers writes none for tokens.
    ...(task === 'token-classification'
      ? {}
      : { problem_type: task === 'regression' ? 'regression' : 'single_label_classification' }),
    // num_labels is derived from this map.
    id2label: Object.fromEntries(names.map((name, index) => [String(index), name])),
    label2id: Object.fromEntries(names.map((name, index) => [name, index])),
  };
}
