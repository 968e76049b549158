import type { AlignedText } from '../aligned-text.ts';
import { SCRIPT_RUNS } from '../unicode/script-tables.ts';
import { slices, type PreTokenizer } from './pre-tokenizer.ts';

/**
 * Splits where the script changes. Characters of no script (spaces among them) go with those before them, and are lost at
 * the beginning of a piece, as in the reference library.
 */
export class UnicodeScripts implements PreTokenizer {
  readonly #scripts = parseScripts();

  split(text: string): string[] {
    return slices(text, this.#rangesOf(text));
  }

  splitAligned(text: AlignedText): AlignedText[] {
    return slices(text, this.#rangesOf(text.text));
  }

  #rangesOf(text: string): number[] {
    const ranges: number[] = [];
    let start = -1;
    let lastScript = 0;
    for (let index = 0; index < text.length;) {
      const codePoint = text.codePointAt(index) ?? 0;
      const script = this.#scripts[codePoint] ?? 0;
      if (script !== 0 && script !== lastScript) {
        if (start >= 0) ranges.push(start, index);
        start = index;
        lastScript = script;
      }
      index += codePoint > 0xffff ? 2 : 1;
    }
    if (start >= 0) ranges.push(start, text.length);
    return ranges;
  }
}

/** Number of the script by code point; 0 for none. */
function parseScripts(): Uint8Array {
  const scripts = new Uint8Array(0x110000);
  let position = 0;
  for (const run of SCRIPT_RUNS.split(';')) {
    const [gap = '0', length = '1', script = '0'] = run.split(',');
    position += parseInt(gap, 36);
    const end = position + parseInt(length, 36);
    scripts.fill(parseInt(script, 36), position, end);
    position = end;
  }
  return scripts;
}
