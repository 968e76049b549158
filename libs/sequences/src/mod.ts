/**
 * What a language model reads of records that are more than one text: chat templates rendered as transformers renders them,
 * prompts with their completions, texts packed into blocks, and which tokens of them are predicted.
 * @module
 */
export { ChatTemplate, type RenderedConversation } from './chat-template.ts';
export { SequenceError, type SequenceErrorCode } from './error.ts';
export { findChatTemplate, type ChatTemplateFiles } from './find-chat-template.ts';
export { findSequenceProblems, type SequenceFields, type SequenceProblem } from './find-problems.ts';
export { MAX_TEMPLATE_CHARACTERS } from './limits.ts';
export { readSequences } from './read-sequences.ts';
export { SequenceEncoder, type SequenceCounts, type SequenceOptions } from './sequence-encoder.ts';
export { NOT_PREDICTED, type TokenSequence } from './token-sequence.ts';
