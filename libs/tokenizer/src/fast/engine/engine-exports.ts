/** An address in the engine's memory, in bytes. */
export type Address = number;

/** What `assembly/` exports; the doc comments are there. */
export interface EngineExports {
  addToken(at: number, length: number, id: number): void;
  addMerge(left: number, right: number, rank: number, mergedId: number): void;
  addPair(first: number, second: number): void;
  beginCount(limit: number): void;
  beginWrite(end: Address): void;
  countId(id: number): void;
  countIds(ids: Address, count: number): void;
  countRecords(
    base: Address,
    offsets: Address,
    first: number,
    count: number,
    limit: number,
    lengths: Address,
    truncated: Address,
  ): number;
  countTimes(id: number, times: number): void;
  distinctCount(): number;
  flush(): void;
  longestMergeRun(): number;
  isTruncated(): number;
  memoBytes(): number;
  nodeOf(start: Address, end: Address): number;
  scan(start: Address, end: Address, isFirst: number): void;
  setAdded(pairs: Address, firstBytes: number): void;
  setByteLevel(
    byteIds: Address,
    pairMerges: Address,
    ignoresMerges: number,
    addsPrefixSpace: number,
    compositionClasses: Address,
  ): void;
  setCapacityEnd(end: Address): void;
  setCharacters(
    ids: Address,
    byteIds: Address,
    pairs: Address,
    mark: Address,
    markBytes: number,
    prefix: number,
    plainMerges: Address,
  ): void;
  setCharsmap(
    units: Address,
    unitCount: number,
    replacements: Address,
    replacementsEnd: Address,
    graphemes: Address,
  ): void;
  setCuts(
    table: Address,
    lowHalves: Address,
    hasHighBytes: number,
    characterBits: Address,
    isolatesIdeographs: number,
    classifies: number,
    hasFirst: number,
  ): void;
  setFound(ids: Address, work: Address): void;
  setMemo(
    slots: Address,
    slotCount: number,
    capacity: number,
    keys: Address,
    keyCapacity: number,
    values: Address,
    valueCapacity: number,
  ): void;
  setMerges(
    slots: Address,
    slotBits: number,
    filter: Address,
    wordBits: number,
    idBits: number,
    rankBits: number,
    symbols: Address,
    ranks: Address,
    mergedIds: Address,
    nexts: Address,
    previous: Address,
  ): void;
  setModel(kind: number): void;
  setSplit(family: number, bits: Address, codePoints: Address, places: Address, ends: Address): void;
  setTokens(slots: Address, slotBits: number, keys: Address, filter: Address, wordBits: number): void;
  setTotals(counts: Address, seen: Address): void;
  setTrie(nodes: Address, labels: Address, roots: Address): void;
  setUnigram(
    scores: Address,
    unkTokenId: number,
    unkScore: number,
    kinds: Address,
    hasSpaces: number,
    hasCharsmap: number,
    joinsSpaces: number,
    splitsAtWhiteSpace: number,
    marked: Address,
    paths: Address,
  ): void;
  setWordPiece(
    places: Address,
    replacements: Address,
    kinds: Address,
    continuation: number,
    maxCharacters: number,
    unkTokenId: number,
  ): void;
  takeFound(idCount: number): void;
  tokenCount(): number;
  writeEnd(): Address;
  writeId(id: number): void;
  writeRecords(
    base: Address,
    offsets: Address,
    first: number,
    count: number,
    room: number,
    before: Address,
    beforeCount: number,
    after: Address,
    afterCount: number,
    out: Address,
    ends: Address,
    truncated: Address,
  ): number;
}
