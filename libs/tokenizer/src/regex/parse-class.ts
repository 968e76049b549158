import { complementOf, unionOf, type CodePointRanges } from '../unicode/code-point-set.ts';
import { parseEscapedSet } from './parse-escape.ts';
import type { PatternReader } from './pattern-reader.ts';

/** A bracketed class; its "[" has been read. */
export function parseClass(reader: PatternReader): CodePointRanges {
  const isNegated = reader.take('^');
  const parts: CodePointRanges[] = [];
  // Oniguruma warns of a "]" that comes first and takes it for itself; so it is not known what its author meant.
  if (reader.sees(']')) return reader.refuse('an empty class');
  while (!reader.take(']')) {
    if (reader.isAtEnd) return reader.refuse('"[" without "]"');
    if (reader.sees('&&')) return reader.refuse('an intersection of classes');
    if (reader.sees('[:')) return reader.refuse('a POSIX bracket');
    if (reader.take('[')) {
      parts.push(parseClass(reader));
      continue;
    }
    const set = parseMember(reader);
    const isRange = reader.sees('-') && !reader.sees('-]');
    if (!isRange) {
      parts.push(set);
      continue;
    }
    reader.take('-');
    if (reader.sees('[')) return reader.refuse('a range that ends in a class');
    const end = singleOf(parseMember(reader), reader);
    const start = singleOf(set, reader);
    if (start > end) return reader.refuse('a range that goes down');
    parts.push([[start, end + 1]]);
  }
  const union = unionOf(...parts);
  return isNegated ? complementOf(union) : union;
}

function parseMember(reader: PatternReader): CodePointRanges {
  if (reader.take('\\')) return parseEscapedSet(reader, true);
  const codePoint = reader.next();
  return [[codePoint, codePoint + 1]];
}

/** The one code point of an end of a range. */
function singleOf(set: CodePointRanges, reader: PatternReader): number {
  const [first] = set;
  if (set.length === 1 && first !== undefined && first[1] - first[0] === 1) return first[0];
  return reader.refuse('a range between classes');
}
