import { unionOf, type CodePointRanges } from '../unicode/code-point-set.ts';
import { parsePattern } from './parse.ts';
import { setsOf, type Node } from './syntax.ts';

const CODE_POINT_COUNT = 0x110000;
// Arguments of one call that makes a string.
const UNITS_PER_CALL = 4096;

/**
 * A regular expression of the reference library (Oniguruma), exact: code points are sorted into the classes that the
 * pattern tells apart, by the library's own tables, and the runtime's engine matches the classes. So neither the runtime's
 * version of Unicode nor its idea of white space matters.
 */
export class Expression {
  readonly #classes: Uint16Array;
  readonly #expression: RegExp;
  #units = new Uint16Array(256);

  /** @throws UnsupportedPattern */
  constructor(pattern: string) {
    const tree = parsePattern(pattern);
    const alphabet = new Alphabet(setsOf(tree));
    this.#classes = alphabet.classes;
    this.#expression = new RegExp(new Emitter(alphabet).emit(tree), 'g');
  }

  /** Starts and ends of all matches in UTF-16 units, as the reference library's iterator finds them. */
  find(text: string): number[] {
    const matches: number[] = [];
    const { classString, hasPairs } = this.#classify(text);
    let lastEnd = -1;
    for (let position = 0; position <= classString.length;) {
      this.#expression.lastIndex = position;
      const match = this.#expression.exec(classString);
      if (match === null) break;
      const end = match.index + match[0].length;
      // An empty match right after another one does not count.
      if (end === match.index && end === lastEnd) {
        position++;
        continue;
      }
      position = lastEnd = end;
      matches.push(match.index, end);
    }
    return hasPairs ? toUnits(text, matches) : matches;
  }

  /** One unit for each code point. */
  #classify(text: string): { classString: string; hasPairs: boolean } {
    if (this.#units.length < text.length) this.#units = new Uint16Array(text.length * 2);
    let count = 0;
    for (let index = 0; index < text.length; index++) {
      let codePoint = text.charCodeAt(index);
      if (codePoint >= 0xd800 && codePoint < 0xdc00) {
        codePoint = text.codePointAt(index) ?? 0;
        if (codePoint > 0xffff) index++;
      }
      this.#units[count++] = this.#classes[codePoint] ?? 0;
    }
    let classString = '';
    for (let start = 0; start < count; start += UNITS_PER_CALL)
      classString += String.fromCharCode(...this.#units.subarray(start, Math.min(count, start + UNITS_PER_CALL)));
    return { classString, hasPairs: count < text.length };
  }
}

/** Positions in code points, ascending, as positions in UTF-16 units. */
function toUnits(text: string, positions: readonly number[]): number[] {
  let codePoints = 0;
  let units = 0;
  return positions.map((position) => {
    for (; codePoints < position; codePoints++) units += (text.codePointAt(units) ?? 0) > 0xffff ? 2 : 1;
    return units;
  });
}

/** The coarsest partition of all code points into classes that every set of a pattern is a union of. */
class Alphabet {
  /** Class by code point. */
  readonly classes = new Uint16Array(CODE_POINT_COUNT);
  // Classes by set.
  readonly #members = new Map<CodePointRanges, number[]>();

  constructor(sets: readonly CodePointRanges[]) {
    const boundaries = [...new Set([0, ...sets.flat(2)])].sort((a, b) => a - b);
    const cursors = sets.map(() => 0);
    const bySignature = new Map<string, number>();
    for (const set of sets) this.#members.set(set, []);
    boundaries.forEach((start, index) => {
      const end = boundaries[index + 1] ?? CODE_POINT_COUNT;
      const signature = sets.map((set, setIndex) => {
        let cursor = cursors[setIndex] ?? 0;
        while ((set[cursor]?.[1] ?? Infinity) <= start) cursor++;
        cursors[setIndex] = cursor;
        return (set[cursor]?.[0] ?? Infinity) <= start;
      });
      const key = signature.map(Number).join('');
      let id = bySignature.get(key);
      if (id === undefined) {
        bySignature.set(key, (id = bySignature.size));
        for (const set of new Set(sets.filter((_, setIndex) => signature[setIndex]))) this.#members.get(set)?.push(id);
      }
      if (start < CODE_POINT_COUNT) this.classes.fill(id, start, end);
    });
  }

  /** Source of the class of a set's classes. */
  source(set: CodePointRanges): string {
    const members = unionOf((this.#members.get(set) ?? []).map((id) => [id, id + 1] as const));
    const escape = (id: number): string => `\\u${id.toString(16).padStart(4, '0')}`;
    return `[${members.map(([start, end]) => `${escape(start)}-${escape(end - 1)}`).join('')}]`;
  }
}

/** Writes a tree as a JavaScript expression over the classes of an alphabet. */
class Emitter {
  readonly #alphabet: Alphabet;
  #groupCount = 0;

  constructor(alphabet: Alphabet) {
    this.#alphabet = alphabet;
  }

  emit(node: Node): string {
    switch (node.kind) {
      case 'set':
        return this.#alphabet.source(node.ranges);
      case 'sequence':
        return node.items.map((item) => (item.kind === 'choice' ? `(?:${this.emit(item)})` : this.emit(item))).join('');
      case 'choice':
        return node.options.map((option) => this.emit(option)).join('|');
      case 'repeat': {
        const most = node.most === Infinity ? '' : String(node.most);
        return `(?:${this.emit(node.item)}){${node.least},${most}}${node.isLazy ? '?' : ''}`;
      }
      case 'look':
        return `(?${node.isAhead ? '' : '<'}${node.isNegative ? '!' : '='}${this.emit(node.item)})`;
      case 'atomic': {
        // A look-ahead is never entered again, so what it found stays.
        const group = ++this.#groupCount;
        return `(?=(${this.emit(node.item)}))\\${group}(?:)`;
      }
    }
  }
}
