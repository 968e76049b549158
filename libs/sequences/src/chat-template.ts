import type { Message } from '@pemmican/dataset';
import { BoundedInterpreter, boundedRange } from './bounded-interpreter.ts';
import { SequenceError } from './error.ts';
import { newEnvironment, parseTemplate, renderTemplate } from './jinja-engine.ts';
import { MAX_TEMPLATE_CHARACTERS } from './limits.ts';

/** A conversation as the model reads it. */
export interface RenderedConversation {
  readonly text: string;
  /** What of the text the assistant says, in UTF-16 units `[start, end)`, ascending. */
  readonly assistantSpans: readonly (readonly [start: number, end: number])[];
}

export interface ChatTemplateOptions {
  /** What error messages call the template. */
  readonly fileName: string;
  /** Contents of the tokens that the template may name, such as `bos_token`. */
  readonly specialTokens: Readonly<Record<string, string>>;
}

// Names that no template has, for what marks begin and end of a generation block.
const [START_VARIABLE, END_VARIABLE] = ['pemmican_generation_start', 'pemmican_generation_end'];

/**
 * A model's chat template (Jinja), rendered as transformers' `apply_chat_template` renders it: `trim_blocks`, `lstrip_blocks`,
 * the special tokens' names, `raise_exception`, `strftime_now`, no tools and no documents.
 */
export class ChatTemplate {
  readonly fileName: string;
  /** Whether it says by `{% generation %}` what the assistant's part is. */
  readonly hasGenerationBlocks: boolean;
  readonly #program: unknown;
  readonly #specialTokens: Readonly<Record<string, string>>;

  /** @throws SequenceError TEMPLATE_TOO_LARGE, INVALID_TEMPLATE */
  constructor(source: string, { fileName, specialTokens }: ChatTemplateOptions) {
    if (source.length > MAX_TEMPLATE_CHARACTERS)
      throw new SequenceError(
        'TEMPLATE_TOO_LARGE',
        `${fileName}: the chat template has ${source.length} characters, the limit is ${MAX_TEMPLATE_CHARACTERS}`,
      );
    this.fileName = fileName;
    this.#specialTokens = specialTokens;
    const marked = markGenerationBlocks(source);
    this.hasGenerationBlocks = marked !== source;
    try {
      this.#program = parseTemplate(marked);
    } catch (cause) {
      throw new SequenceError('INVALID_TEMPLATE', `${fileName}: the chat template cannot be read: ${reasonOf(cause)}`, {
        cause,
      });
    }
  }

  /**
   * The text of a conversation, special tokens included.
   * @param addsGenerationPrompt whether it ends with what comes before an answer of the assistant
   * @throws SequenceError RENDERING_FAILED (also what the template raises), RENDERING_TOO_LARGE
   */
  render(messages: readonly Message[], addsGenerationPrompt = false): string {
    return this.#render(messages, addsGenerationPrompt, ['', '']);
  }

  /**
   * The text of a conversation with what the assistant says in it: the template's `{% generation %}` blocks, or where it has
   * none, what each of the assistant's messages adds to the messages before it and the generation prompt. That is what the
   * template itself does when a model answers; it is refused where a message is rendered otherwise inside of the conversation
   * than at its end, or where the template takes no heed of `add_generation_prompt`.
   * @throws SequenceError ASSISTANT_TOKENS_UNKNOWN, and what `render` throws
   */
  renderWithSpans(messages: readonly Message[]): RenderedConversation {
    const text = this.render(messages);
    if (!this.hasGenerationBlocks) return { text, assistantSpans: this.#spansByTurns(messages, text) };
    const { marks, assistantSpans, unmarked } = spansByMarks((pair) => this.#render(messages, false, pair), text);
    if (unmarked === text) return { text, assistantSpans };
    throw new SequenceError(
      'ASSISTANT_TOKENS_UNKNOWN',
      `${this.fileName}: the chat template does something else with what stands in its generation blocks than to write it (${marks} marks)`,
    );
  }

  #spansByTurns(messages: readonly Message[], text: string): (readonly [start: number, end: number])[] {
    return messages.flatMap(({ role }, index) => {
      if (role !== 'assistant') return [];
      const [prompt, turn, nextPrompt] = [
        this.#attempt(messages.slice(0, index), true),
        this.#attempt(messages.slice(0, index + 1), false),
        this.#attempt(messages.slice(0, index + 1), true),
      ];
      const isExact =
        prompt !== undefined && turn?.startsWith(prompt) === true && text.startsWith(turn) && nextPrompt !== turn;
      if (isExact) return [[prompt.length, turn.length] as const];
      throw new SequenceError(
        'ASSISTANT_TOKENS_UNKNOWN',
        `${this.fileName}: the chat template has no {% generation %} blocks, and what message ${index + 1} of ${messages.length} adds to a conversation cannot be told otherwise, since the template renders it differently at the end of a conversation; give a template with {% generation %} blocks around what the assistant says`,
      );
    });
  }

  /** The text; undefined where the template refuses this part of a conversation. */
  #attempt(messages: readonly Message[], addsGenerationPrompt: boolean): string | undefined {
    try {
      return this.render(messages, addsGenerationPrompt);
    } catch (error) {
      if (error instanceof SequenceError && error.code === 'RENDERING_FAILED') return undefined;
      throw error;
    }
  }

  #render(messages: readonly Message[], addsGenerationPrompt: boolean, [start, end]: Marks): string {
    const environment = newEnvironment();
    const variables: Readonly<Record<string, unknown>> = {
      ...globals(),
      ...this.#specialTokens,
      messages: messages.map(withReasoning),
      tools: null,
      documents: null,
      add_generation_prompt: addsGenerationPrompt,
      [START_VARIABLE]: start,
      [END_VARIABLE]: end,
    };
    try {
      for (const [name, value] of Object.entries(variables)) environment.set(name, value);
      const rendered = new BoundedInterpreter(environment, this.fileName).run(this.#program);
      return String(rendered.value);
    } catch (cause) {
      if (cause instanceof SequenceError) throw cause;
      throw new SequenceError('RENDERING_FAILED', reasonOf(cause), { cause });
    }
  }
}

type Marks = readonly [start: string, end: string];

/**
 * The template with marks where generation blocks begin and end. An `if` that is always true is a block as they are, so that
 * white space around it goes the same way.
 */
function markGenerationBlocks(source: string): string {
  return source
    .replaceAll(/\{%(-?)\s*generation\s*(-?)%\}/g, `{%$1 if true %}{{ ${START_VARIABLE} }}{% endif $2%}`)
    .replaceAll(/\{%(-?)\s*endgeneration\s*(-?)%\}/g, `{%$1 if true %}{{ ${END_VARIABLE} }}{% endif $2%}`);
}

/** Finds the marks in a text that was rendered with them. */
function spansByMarks(
  render: (marks: Marks) => string,
  plain: string,
): { marks: number; assistantSpans: (readonly [number, number])[]; unmarked: string } {
  const [start = '', end = ''] = unusedCharacters(plain);
  const spans: (readonly [number, number])[] = [];
  let [unmarked, from, marks] = ['', 0, 0];
  let open: number | undefined;
  const text = render([start, end]);
  for (let at = 0; at < text.length; at++) {
    if (text[at] !== start && text[at] !== end) continue;
    unmarked += text.slice(from, at);
    from = at + 1;
    marks++;
    if (text[at] === start) open = unmarked.length;
    else if (open !== undefined && unmarked.length > open) spans.push([open, unmarked.length]);
  }
  return { marks, assistantSpans: spans, unmarked: unmarked + text.slice(from) };
}

/** Two characters of the private use area that a text does not have. */
function unusedCharacters(text: string): string[] {
  const candidates = Array.from({ length: 0x100 }, (_, index) => String.fromCharCode(0xe100 + index));
  return candidates.filter((character) => !text.includes(character)).slice(0, 2);
}

/** transformers gives reasoning all of its names. */
function withReasoning(message: Message): Readonly<Record<string, unknown>> {
  const reasoning = message['reasoning_content'] ?? message['thinking'] ?? message['reasoning'];
  if (reasoning === undefined) return message;
  return { thinking: reasoning, ...message, reasoning_content: reasoning };
}

/** What Jinja and transformers have in every template. */
function globals(): Readonly<Record<string, unknown>> {
  return {
    true: true,
    false: false,
    none: null,
    True: true,
    False: false,
    None: null,
    range: boundedRange,
    raise_exception: (message: unknown) => {
      throw new Error(String(message));
    },
    strftime_now: (format: unknown) => renderTemplate('{{ strftime_now(format) }}', { format }),
  };
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
