import { ModelError } from './error.ts';
import { namePatterns } from './freeze-parameters.ts';
import { SPAN_HEAD, isLanguageModeling, type Model, type ParameterSpec, type Task } from './model-family.ts';

/** In place of names of modules: every linear map but those of the output. */
export const ALL_LINEAR = 'all-linear';

/**
 * What PEFT adapts where nothing is said (its TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING). It has nothing for
 * DistilBERT and MPNet: there they are queries and values too, as in all other encoders.
 */
const DEFAULT_TARGETS: Readonly<Record<string, readonly string[]>> = {
  bert: ['query', 'value'],
  'deberta-v2': ['query_proj', 'value_proj'],
  distilbert: ['q_lin', 'v_lin'],
  electra: ['query', 'value'],
  gemma2: ['q_proj', 'v_proj'],
  gemma3_text: ['q_proj', 'v_proj'],
  gpt2: ['c_attn'],
  llama: ['q_proj', 'v_proj'],
  mpnet: ['attn.q', 'attn.v'],
  mt5: ['q', 'v'],
  qwen2: ['q_proj', 'v_proj'],
  qwen3: ['q_proj', 'v_proj'],
  roberta: ['query', 'value'],
  t5: ['q', 'v'],
  'xlm-roberta': ['query', 'value'],
};

// What PEFT trains whole beside the adapters of a classifier: every module whose name ends so (`pre_classifier` too).
const CLASSIFIER_MODULES = ['classifier', 'score'] as const;
/** What PEFT trains whole of any task's head. */
export const HEAD_MODULES: readonly string[] = [...CLASSIFIER_MODULES, SPAN_HEAD];

function headModules(task: Task): readonly string[] {
  if (isLanguageModeling(task)) return [];
  return task === 'question-answering' ? [SPAN_HEAD] : CLASSIFIER_MODULES;
}

/** Modules of a model by what LoRA does to them. */
export interface LoraModules {
  /** What was asked for, or the family's default: names or last parts of names. */
  readonly targets: readonly string[];
  /** Linear maps that get an adapter. */
  readonly adapted: readonly ParameterSpec[];
  /** Last parts of the names of modules that are trained whole. */
  readonly trained: readonly string[];
}

/**
 * @param targets names of modules or last parts of them (`query`, `layer.0.attention.self.query`), or `all-linear`; none:
 *   the family's default
 * @param drawn modules that no checkpoint has: an adapter without them would not be the model that was trained
 * @throws ModelError UNKNOWN_PARAMETER for a target that names no linear map
 */
export function loraModules(
  model: Model,
  specs: readonly ParameterSpec[],
  options: { readonly task: Task; readonly targets: readonly string[]; readonly drawn: readonly string[] },
): LoraModules {
  const heads = headModules(options.task);
  const trained = [...heads, ...options.drawn.filter((module) => !isWithin(module, heads))];
  const linear = specs.filter((spec) => spec.linear !== undefined && !isWithin(moduleOf(spec), trained));
  const targets = options.targets.length > 0 ? options.targets : (DEFAULT_TARGETS[model.modelType] ?? []);
  if (targets.length === 1 && targets[0] === ALL_LINEAR)
    return { targets: linear.map(moduleOf), adapted: linear, trained };
  for (const target of targets) if (!linear.some((spec) => isTarget(spec, target))) throw unknownTarget(target, linear);
  return { targets, adapted: linear.filter((spec) => targets.some((target) => isTarget(spec, target))), trained };
}

/** Name of the module that a parameter is of: without `.weight` and `.bias`. */
export function moduleOf({ name }: ParameterSpec): string {
  return name.replace(/\.[^.]*$/, '');
}

/** Whether a module is one of those that are trained whole, or a part of one. */
export function isWithin(module: string, trained: readonly string[]): boolean {
  const parts = module.split('.');
  const enclosing = parts.map((_, index) => parts.slice(0, index + 1).join('.'));
  return trained.some((ending) => enclosing.some((name) => name.endsWith(ending)));
}

function isTarget(spec: ParameterSpec, target: string): boolean {
  const module = moduleOf(spec);
  return module === target || module.endsWith(`.${target}`);
}

function unknownTarget(target: string, linear: readonly ParameterSpec[]): ModelError {
  const hint = target === ALL_LINEAR ? `"${ALL_LINEAR}" stands by itself` : `No linear map is named "${target}"`;
  return new ModelError(
    'UNKNOWN_PARAMETER',
    `${hint}; LoRA can adapt ${namePatterns(linear.map(moduleOf)).join(', ')}, by whole names or last parts, or ${ALL_LINEAR}`,
  );
}
