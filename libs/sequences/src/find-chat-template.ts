import { ChatTemplate } from './chat-template.ts';
import { SequenceError } from './error.ts';

/** Where a chat template may stand; the first that is there counts, as in transformers. */
export interface ChatTemplateFiles {
  /** The model's folder, for error messages. */
  readonly folderName: string;
  /** A template that a user gave in place of the model's. */
  readonly given?: string;
  /** chat_template.jinja */
  readonly jinja?: string;
  /** Parsed tokenizer_config.json, which names the special tokens too. */
  readonly config?: unknown;
}

/** Tokens that templates know by these names. */
const TOKEN_NAMES = [
  'bos_token',
  'eos_token',
  'unk_token',
  'sep_token',
  'pad_token',
  'cls_token',
  'mask_token',
] as const;

/** @throws SequenceError TEMPLATE_MISSING, TEMPLATE_TOO_LARGE, INVALID_TEMPLATE */
export function findChatTemplate(files: ChatTemplateFiles): ChatTemplate {
  const config = isFields(files.config) ? files.config : {};
  const specialTokens = specialTokensOf(config);
  if (files.given !== undefined)
    return new ChatTemplate(files.given, { fileName: 'the chat template that was given', specialTokens });
  const { folderName, jinja } = files;
  if (jinja !== undefined)
    return new ChatTemplate(jinja, { fileName: `${folderName}/chat_template.jinja`, specialTokens });
  const fileName = `${folderName}/tokenizer_config.json`;
  return new ChatTemplate(templateOf(config['chat_template'], folderName, fileName), { fileName, specialTokens });
}

/** The contents of the tokens that a tokenizer_config.json names. */
export function specialTokensOf(config: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(
    TOKEN_NAMES.flatMap((name) => {
      const value = config[name];
      const content = isFields(value) ? value['content'] : value;
      return typeof content === 'string' ? [[name, content]] : [];
    }),
  );
}

/** One template, or the default one of several with names. */
function templateOf(value: unknown, folderName: string, fileName: string): string {
  if (typeof value === 'string') return value;
  if (value === undefined || value === null)
    throw new SequenceError(
      'TEMPLATE_MISSING',
      `${folderName}: there is no chat template, neither chat_template.jinja nor chat_template in tokenizer_config.json`,
    );
  const named = Array.isArray(value) ? value.filter(isFields) : [];
  const template = named.find(({ name }) => name === 'default')?.['template'];
  if (typeof template === 'string') return template;
  const names = named.map(({ name }) => JSON.stringify(name)).join(', ') || 'none';
  throw new SequenceError(
    'TEMPLATE_MISSING',
    `${fileName}: chat_template names no template "default"; there is ${names}`,
  );
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
