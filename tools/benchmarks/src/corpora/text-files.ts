import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';

// Endings of files that hold no text, or text that is a program's or an index's.
const NO_TEXT = new Set(
  'png svg jpg gif js css db idx pdf epub eot woff ttf php webm ods bzz bzv bzs index so zip xpm mo data conc'.split(
    ' ',
  ),
);
const MARKUP = new Set(['html', 'htm', 'page', 'xml', 'docbook']);
const ELEMENT = /<(script|style|head)\b[\s\S]*?<\/\1>|<[^>]+>/gi;
const ROFF = /^[.'][A-Za-z\\"].{0,3}(?=\s|$)|\\f.|\\[-&/|,]|^\.\\".*$/gm;
const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: '\u00a0' };

function unescapeMarkup(text: string): string {
  return text.replace(/&(?:#(\d+)|#x([\da-f]+)|(\w+));/gi, (whole, decimal?: string, hex?: string, name?: string) => {
    if (name !== undefined) return ENTITIES[name] ?? whole;
    const codePoint = decimal === undefined ? parseInt(hex ?? '', 16) : Number(decimal);
    return codePoint <= 0x10ffff ? String.fromCodePoint(codePoint) : whole;
  });
}

function* strings(value: unknown): Generator<string> {
  if (typeof value === 'string') yield value;
  else if (Array.isArray(value)) for (const each of value) yield* strings(each);
  else if (typeof value === 'object' && value !== null)
    for (const [key, each] of Object.entries(value)) if (key !== '@metadata') yield* strings(each);
}

/** All strings of a JSON document in their order. */
export function* jsonStrings(text: string): Generator<string> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return;
  }
  yield* strings(value);
}

/** Text of a file: markup, roff commands and JSON's syntax taken off; undefined where there is none, or it is not UTF-8. */
export function fileText(file: string, options: { readonly isRoffKept?: boolean } = {}): string | undefined {
  let bytes: Buffer = readFileSync(file);
  let name = path.basename(file);
  if (/\.(gz|dz)$/.test(name)) {
    try {
      bytes = gunzipSync(bytes);
    } catch {
      return undefined;
    }
    name = name.slice(0, -3);
  }
  const ending = name.includes('.') ? (name.split('.').at(-1) ?? '').toLowerCase() : '';
  if (NO_TEXT.has(ending)) return undefined;
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
  if (MARKUP.has(ending)) return unescapeMarkup(text.replace(ELEMENT, ' ')).replace(/[ \t]+/g, ' ');
  if (file.includes('/man/') && options.isRoffKept !== true) return text.replace(ROFF, '');
  return ending === 'json' ? [...jsonStrings(text)].join('\n') : text;
}

/** Every file below a folder, in an order that is the same everywhere; links are left out. */
export function* filesBelow(folder: string): Generator<string> {
  for (const name of readdirSync(folder).sort()) {
    const file = path.join(folder, name);
    const status = lstatSync(file);
    if (status.isDirectory()) yield* filesBelow(file);
    else if (status.isFile() && !/^(changelog|copyright|package\.txt$)/.test(name)) yield file;
  }
}
