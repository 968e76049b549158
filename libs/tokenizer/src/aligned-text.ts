/** UTF-16 units of a character that begins with this code point. */
const sizeOf = (codePoint: number): number => (codePoint > 0xffff ? 2 : 1);

/**
 * A text on its way through normalizers and pre-tokenizers, with the place in the original text that each of its characters
 * came from (tokenizers' `NormalizedString`). All positions are in UTF-16 units.
 */
export class AlignedText {
  readonly text: string;
  /** By unit of `text`, where in the original what it came from begins; both halves of a surrogate pair have the same. */
  readonly starts: Int32Array;
  /** By unit of `text`, where in the original what it came from ends. */
  readonly ends: Int32Array;
  /** Where in the original this part of it begins: what stands before all of its characters came from there. */
  readonly origin: number;

  constructor(text: string, starts: Int32Array, ends: Int32Array, origin: number) {
    this.text = text;
    this.starts = starts;
    this.ends = ends;
    this.origin = origin;
  }

  /** A text as it is: each character is its own origin. */
  static of(text: string): AlignedText {
    const starts = new Int32Array(text.length);
    const ends = new Int32Array(text.length);
    for (let index = 0; index < text.length;) {
      const size = sizeOf(text.codePointAt(index) ?? 0);
      starts.fill(index, index, index + size);
      ends.fill(index + size, index, index + size);
      index += size;
    }
    return new AlignedText(text, starts, ends, 0);
  }

  slice(start: number, end: number): AlignedText {
    return new AlignedText(
      this.text.slice(start, end),
      this.starts.subarray(start, end),
      this.ends.subarray(start, end),
      this.starts[start] ?? this.origin,
    );
  }

  /** The same places for a text of the same length, character by character. */
  withText(text: string): AlignedText {
    return new AlignedText(text, this.starts, this.ends, this.origin);
  }

  /**
   * Each character replaced by characters that come from where it came from.
   * @param replace gives what stands in place of a character, which may be nothing
   */
  mapCharacters(replace: (character: string, codePoint: number) => string): AlignedText {
    const result = new AlignedTextBuilder(this);
    for (let index = 0; index < this.text.length;) {
      const codePoint = this.text.codePointAt(index) ?? 0;
      const end = index + sizeOf(codePoint);
      result.add(replace(this.text.slice(index, end), codePoint), index);
      index = end;
    }
    return result.build();
  }

  /** Characters before the first one, which come from where that one came from. An empty text stays empty. */
  prepend(prefix: string): AlignedText {
    if (this.text === '') return this;
    const result = new AlignedTextBuilder(this);
    result.add(prefix, 0);
    result.copy(0, this.text.length);
    return result.build();
  }

  /**
   * Matches replaced by a text, all of which comes from where the last character of the match came from; an empty match's
   * from where the character before it did.
   * @param matches starts and ends in `text`, ascending
   */
  replace(matches: readonly number[], content: string): AlignedText {
    const result = new AlignedTextBuilder(this);
    let position = 0;
    for (let index = 0; index < matches.length; index += 2) {
      const [start = 0, end = 0] = [matches[index], matches[index + 1]];
      result.copy(position, start);
      result.add(content, end - 1);
      position = end;
    }
    result.copy(position, this.text.length);
    return result.build();
  }

  /**
   * Another text in place of this one, as tokenizers' `NormalizedString::transform` aligns it: from the left, each new
   * character either takes the next old one's place or comes from where the one before it did.
   * @param changes by character: 1 where it is added, 0 where it takes the place of the next old one, -n where n more old
   *   ones are gone after that
   */
  transform(characters: readonly string[], changes: readonly number[]): AlignedText {
    const result = new AlignedTextBuilder(this);
    let position = 0;
    const pass = (): void => {
      if (position < this.text.length) position += sizeOf(this.text.codePointAt(position) ?? 0);
    };
    characters.forEach((character, index) => {
      const change = changes[index] ?? 0;
      result.add(character, change > 0 ? position - 1 : position);
      for (let passed = change; passed <= 0; passed++) pass();
    });
    return result.build();
  }
}

/** Collects characters with the places that they came from. */
class AlignedTextBuilder {
  readonly #source: AlignedText;
  #text = '';
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];

  constructor(source: AlignedText) {
    this.#source = source;
  }

  /** @param from position in the source whose place all of `text` has; -1 for before its beginning */
  add(text: string, from: number): void {
    const { starts, ends, origin } = this.#source;
    const [start, end] = from < 0 ? [origin, origin] : [starts[from] ?? origin, ends[from] ?? origin];
    this.#text += text;
    for (let unit = 0; unit < text.length; unit++) {
      this.#starts.push(start);
      this.#ends.push(end);
    }
  }

  copy(start: number, end: number): void {
    const { text, starts, ends } = this.#source;
    this.#text += text.slice(start, end);
    for (let unit = start; unit < end; unit++) {
      this.#starts.push(starts[unit] ?? 0);
      this.#ends.push(ends[unit] ?? 0);
    }
  }

  build(): AlignedText {
    return new AlignedText(this.#text, Int32Array.from(this.#starts), Int32Array.from(this.#ends), this.#source.origin);
  }
}
