/** Another library that tokenizes. */
export interface Peer {
  readonly name: string;
  readonly language: 'Python' | 'Node';
  /** Packages of its registry, with their versions. */
  readonly packages: readonly string[];
  /** Tokenizers that its documents say it reads, or that are worth a try; where it fails the report says why. */
  readonly tokenizers: readonly string[];
  /** Tokenizers with which it may be the fastest of all, so that it runs in every round; with the others it runs in one. */
  readonly everyRound: readonly string[];
  /** Slow ones are given records of this many megabytes, spread over the corpus, and one thread. */
  readonly sampleMegabytes?: number;
}

export const REFERENCE = 'tokenizers';
export const REFERENCE_PACKAGES: readonly string[] = ['tokenizers==0.23.3', 'numpy==2.4.6'];

const BYTE_LEVEL = ['gpt2', 'llama3', 'qwen3', 'gpt4o', 'deepseek_v3'];
const BYTE_FALLBACK = ['llama2', 'gemini', 'gemma3'];
const UNIGRAM = ['multilingual-e5-small'];
const BPE = [...BYTE_LEVEL, ...BYTE_FALLBACK];
const BERT = ['bert-base-uncased'];
// Digits one by one before GPT-2's pattern.
const DIGITS = ['SmolLM2-135M-Instruct'];

export const TOKENIZERS: readonly string[] = [...BERT, ...BPE, ...DIGITS, ...UNIGRAM];

/** Name by which tiktoken and its kin know the encoding of a tokenizer. */
export const ENCODING_NAMES: Readonly<Record<string, string>> = { gpt2: 'gpt2', gpt4o: 'o200k_base' };

export const PEERS: readonly Peer[] = [
  {
    name: 'gigatoken',
    language: 'Python',
    everyRound: BPE,
    packages: ['gigatoken==0.10.0', 'awkward==2.14.0'],
    tokenizers: [...BPE, ...UNIGRAM],
  },
  { name: 'nanotoken', language: 'Python', everyRound: BERT, packages: ['nanotoken==0.1.0'], tokenizers: BERT },
  {
    name: 'tokie',
    language: 'Python',
    everyRound: [...BERT, ...UNIGRAM],
    packages: ['tokie==0.1.4'],
    tokenizers: TOKENIZERS,
  },
  { name: 'fastokens', language: 'Python', everyRound: BPE, packages: ['fastokens==0.3.5'], tokenizers: BPE },
  {
    name: 'kitoken',
    language: 'Python',
    everyRound: [],
    packages: ['kitoken==0.11.1'],
    tokenizers: TOKENIZERS,
    sampleMegabytes: 4,
  },
  {
    name: 'bpe-openai',
    language: 'Python',
    everyRound: [],
    packages: ['bpe-openai==0.1.4'],
    // It would download GPT-2's.
    tokenizers: ['gpt4o'],
    sampleMegabytes: 4,
  },
  {
    name: 'tiktoken',
    language: 'Python',
    everyRound: [],
    packages: ['tiktoken==0.14.0'],
    tokenizers: ['gpt2', 'llama3', 'gpt4o'],
    sampleMegabytes: 4,
  },
  {
    name: 'npm tiktoken',
    language: 'Node',
    everyRound: [],
    packages: ['tiktoken@1.0.22'],
    tokenizers: Object.keys(ENCODING_NAMES),
    sampleMegabytes: 2,
  },
  {
    name: 'npm gpt-tokenizer',
    language: 'Node',
    everyRound: [],
    packages: ['gpt-tokenizer@4.0.0'],
    tokenizers: Object.keys(ENCODING_NAMES),
    sampleMegabytes: 1,
  },
  {
    name: 'npm js-tiktoken',
    language: 'Node',
    everyRound: [],
    packages: ['js-tiktoken@1.0.21'],
    tokenizers: Object.keys(ENCODING_NAMES),
    sampleMegabytes: 0.5,
  },
  {
    name: 'npm @huggingface/tokenizers',
    language: 'Node',
    everyRound: [],
    packages: ['@huggingface/tokenizers@0.2.0'],
    tokenizers: TOKENIZERS,
    sampleMegabytes: 0.5,
  },
];
