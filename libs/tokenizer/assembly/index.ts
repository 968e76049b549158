export { addPair, setCharacters } from './characters';
export { addMerge, longestMergeRun, setMerges } from './merge';
export { nodeOf, setTrie } from './trie';
export { setAdded } from './added';
export { setByteLevel } from './byte-level';
export { setCharsmap } from './charsmap';
export { setFound } from './found';
export { memoBytes, setMemo } from './memo';
export { setModel } from './model';
export { setSplit } from './split';
export { addToken, setTokens } from './tokens';
export { countIds, countTimes, distinctCount, flush, setTotals } from './totals';
export { setUnigram } from './unigram';
export { setWordPiece } from './word-piece';
export {
  beginCount,
  beginWrite,
  countId,
  countRecords,
  isTruncated,
  scan,
  setCapacityEnd,
  setCuts,
  takeFound,
  tokenCount,
  writeEnd,
  writeId,
  writeRecords,
} from './scan';
