import { TokenizerError } from './error.ts';
import type { PlacedText } from './placed-text.ts';
import { trimPlace, type OffsetTrim } from './post-processor/offset-trims.ts';
import { addedTokenCount, type TemplatePart } from './post-processor/post-processor.ts';

/** How a pair of texts is cut into windows: all of one text, and of the other as much as there is room for at a time. */
export interface WindowOptions {
  /** Longest window in tokens, special ones included. */
  readonly maxLength: number;
  /** Tokens that a window shares with the one before it. */
  readonly stride: number;
  /** The text that is cut (Hugging Face's `only_first` and `only_second`). */
  readonly cutText: 'first' | 'second';
}

/** A pair of texts as a model sees a part of it. */
export interface TextWindow {
  /** Full token ids. */
  readonly ids: Uint32Array;
  readonly typeIds: Uint8Array;
  /** By token: 0 for the first text, 1 for the second, -1 for special tokens. */
  readonly sequenceIds: Int8Array;
  /** By token, where what it is of begins in its text, in Unicode code points; 0 for special tokens. */
  readonly starts: Uint32Array;
  /** By token, where what it is of ends. */
  readonly ends: Uint32Array;
}

/**
 * Parts of a text of `length` tokens, one after another, that are `room` tokens at most (tokenizers' `Encoding::truncate`).
 * @returns starts and ends
 * @throws TokenizerError INVALID_OPTION where parts would not get on
 */
export function windowRanges(length: number, room: number, stride: number): [start: number, end: number][] {
  if (length <= room) return [[0, length]];
  if (room <= stride)
    throw new TokenizerError(
      'INVALID_OPTION',
      `A window has room for ${room} tokens of a text of ${length}, which must be more than the stride of ${stride}`,
    );
  const ranges: [number, number][] = [];
  for (let start = 0; ; start += room - stride) {
    const end = Math.min(start + room, length);
    ranges.push([start, end]);
    if (end === length) return ranges;
  }
}

/**
 * Windows over a pair of texts.
 * @param template what a pair is made of
 * @throws TokenizerError INVALID_OPTION where the text that stays whole leaves too little room
 */
export function pairWindows(
  texts: readonly [first: PlacedText, second: PlacedText],
  template: readonly TemplatePart[],
  trims: readonly OffsetTrim[],
  { maxLength, stride, cutText }: WindowOptions,
): TextWindow[] {
  const [first, second] = texts;
  const [cut, whole] = cutText === 'first' ? [first, second] : [second, first];
  const room = maxLength - addedTokenCount(template) - whole.ids.length;
  return windowRanges(cut.ids.length, room, stride).map((range) => {
    const firstRange = cutText === 'first' ? range : ([0, first.ids.length] as const);
    const secondRange = cutText === 'second' ? range : ([0, second.ids.length] as const);
    return windowOf(template, [partOf(first, firstRange, trims), partOf(second, secondRange, trims)]);
  });
}

/** A part of a text in a window. */
interface TextPart {
  readonly ids: Uint32Array;
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
}

function partOf(
  { ids, starts, ends, leadingSpaces, trailingSpaces }: PlacedText,
  [from, to]: readonly [number, number],
  trims: readonly OffsetTrim[],
): TextPart {
  const part = { ids: ids.subarray(from, to), starts: starts.slice(from, to), ends: ends.slice(from, to) };
  if (trims.length === 0) return part;
  part.starts.forEach((start, index) => {
    const token = from + index;
    const spaces = { leading: leadingSpaces[token] ?? 0, trailing: trailingSpaces[token] ?? 0 };
    const place = trimPlace([start, part.ends[index] ?? 0], spaces, index === 0, trims);
    [part.starts[index], part.ends[index]] = place;
  });
  return part;
}

function windowOf(template: readonly TemplatePart[], parts: readonly [first: TextPart, second: TextPart]): TextWindow {
  const length = addedTokenCount(template) + parts[0].ids.length + parts[1].ids.length;
  const ids = new Uint32Array(length);
  const typeIds = new Uint8Array(length);
  const sequenceIds = new Int8Array(length).fill(-1);
  const starts = new Uint32Array(length);
  const ends = new Uint32Array(length);
  let position = 0;
  for (const { typeId, ...part } of template) {
    const sequence = part.kind === 'special' ? -1 : part.sequence === 'A' ? 0 : 1;
    const text = sequence < 0 ? undefined : parts[sequence as 0 | 1];
    const partIds = part.kind === 'special' ? part.ids : (text?.ids ?? []);
    const end = position + partIds.length;
    ids.set(partIds, position);
    typeIds.fill(typeId, position, end);
    sequenceIds.fill(sequence, position, end);
    starts.set(text?.starts ?? [], position);
    ends.set(text?.ends ?? [], position);
    position = end;
  }
  return { ids, typeIds, sequenceIds, starts, ends };
}
