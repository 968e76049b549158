/**
 * What the host does for the engine. Each may grow or write the engine's memory.
 */

/**
 * Tokenizes a chunk that the engine leaves to the pipeline. Its ids are in `Found` afterwards.
 * @returns their number, or -1 where there were too many and `takeFound` has had them all
 */
export declare function tokenizeChunk(start: usize, end: usize, isFirst: u32): i32;

/** Bits of a code point that has none yet in the table of characters; not 0. */
export declare function classifyCharacter(codePoint: u32): u32;

/** Place of a code point's replacement that is not known yet: an offset of `Normalized.replacements`, -1 or -2. */
export declare function normalizeCharacter(codePoint: u32): i32;

/** Kind of a code point as grapheme; not 0. */
export declare function classifyGrapheme(codePoint: u32): u32;
