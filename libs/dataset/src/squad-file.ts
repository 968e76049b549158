import { DatasetError } from './error.ts';
import { textColumnOf, textPairColumnOf, type ColumnOptions } from './record-fields.ts';
import { reasonOf, show } from './show.ts';
import { readChunks, type DatasetSource } from './source.ts';
import { decodeUtf8 } from './utf8.ts';

// SQuAD's own has 30 MB. It is read whole, since it is one JSON value.
const MAX_SQUAD_BYTES = 1024 * 1024 * 1024;

/** Whether a JSON file is one object, as SQuAD's own files are, and not an array of records. */
export async function isSquadFile(source: DatasetSource): Promise<boolean> {
  for await (const chunk of readChunks(source)) {
    const first = /[^\s\ufeff]/.exec(new TextDecoder().decode(chunk))?.[0];
    if (first !== undefined) return first === '{';
  }
  return false;
}

/**
 * The questions of a file in SQuAD's own layout, `{data: [{paragraphs: [{context, qas: [{question, answers}]}]}]}`, as rows
 * with the columns that are asked for.
 * @throws DatasetError MALFORMED, INVALID_UTF8, TOO_LARGE
 */
export async function readSquadRows(
  source: DatasetSource,
  columns: ColumnOptions,
  onRead: (bytes: number) => void = () => undefined,
): Promise<Record<string, unknown>[]> {
  let json: unknown;
  const text = decodeUtf8(await readWhole(source, onRead), source.name, 0);
  try {
    json = JSON.parse(text.replace(/^\ufeff/, ''));
  } catch (cause) {
    throw new DatasetError('MALFORMED', source.name, `is not valid JSON: ${reasonOf(cause)}`, { cause });
  }
  const [question, context] = [textColumnOf(columns), textPairColumnOf(columns) ?? ''];
  const rows: Record<string, unknown>[] = [];
  const visit = (value: unknown, where: string, field: string, each: (item: Fields, where: string) => void): void => {
    const list = fieldsOf(value, where, source.name)[field];
    if (!Array.isArray(list)) throw malformed(source.name, `${where}${field} is ${show(list)}, expected a list`);
    list.forEach((item: unknown, index) => {
      each(fieldsOf(item, `${where}${field}[${index}]`, source.name), `${where}${field}[${index}].`);
    });
  };
  visit(json, '', 'data', (article, inArticle) => {
    visit(article, inArticle, 'paragraphs', (paragraph, inParagraph) => {
      visit(paragraph, inParagraph, 'qas', (asked) => {
        const answers = columns.labelColumn === undefined ? {} : { [columns.labelColumn]: asked['answers'] };
        rows.push({ [question]: asked['question'], [context]: paragraph['context'], ...answers });
      });
    });
  });
  return rows;
}

type Fields = Readonly<Record<string, unknown>>;

function fieldsOf(value: unknown, where: string, fileName: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw malformed(fileName, `${where || 'the file'} is ${show(value)}, expected an object`);
}

function malformed(fileName: string, problem: string): DatasetError {
  return new DatasetError('MALFORMED', fileName, `is not laid out as SQuAD is: ${problem}`);
}

async function readWhole(source: DatasetSource, onRead: (bytes: number) => void): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let byteCount = 0;
  for await (const chunk of readChunks(source, onRead)) {
    chunks.push(chunk);
    byteCount += chunk.length;
    if (byteCount > MAX_SQUAD_BYTES)
      throw new DatasetError(
        'TOO_LARGE',
        source.name,
        `a file of this layout is over the limit of ${MAX_SQUAD_BYTES} bytes`,
      );
  }
  const bytes = new Uint8Array(byteCount);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}
