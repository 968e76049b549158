import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

const REPOSITORY = path.resolve(import.meta.dirname, '../../..');
const COLUMNS = ['where', 'code', 'reason', 'details', 'when', 'what to do', 'tested in'] as const;

/** A line of docs/errors.md. */
export interface ErrorLine {
  /** The section that it stands in: the service's full name, or `Every call`. */
  readonly section: string;
  /** Methods that tell it, or `Run.error` and the like for jobs that end with it. */
  readonly where: readonly string[];
  /** Name of the gRPC code. */
  readonly code: string;
  /** Of the ErrorInfo; `-` for what gRPC itself says without one. */
  readonly reason: string;
  /** Message types of google.rpc and keys of the ErrorInfo's metadata that come with it; those with `?` may be missing. */
  readonly details: readonly string[];
  /** A test that provokes it, where the table-driven ones do not: its file and a part of its name. */
  readonly test: { readonly file: string; readonly name: string } | undefined;
}

/**
 * Reads docs/errors.md.
 * @throws Error that names the line that is not as it must be
 */
export function readErrorsDocument(): ErrorLine[] {
  let section = '';
  return readFileSync(path.join(REPOSITORY, 'docs/errors.md'), 'utf8')
    .split('\n')
    .flatMap((line, index) => {
      if (line.startsWith('## ')) section = line.slice(3).trim();
      if (!line.startsWith('| ') || line.startsWith('| where |') || line.startsWith('| --- ')) return [];
      const cells = line
        .slice(1, -1)
        .split(' | ')
        .map((cell) => cell.trim());
      if (cells.length !== COLUMNS.length)
        throw new Error(`docs/errors.md:${index + 1}: has ${cells.length} cells, expected ${COLUMNS.join(', ')}`);
      const [where = '', code = '', reason = '', details = '', when = '', action = '', test = ''] = cells;
      if (when === '' || action === '')
        throw new Error(`docs/errors.md:${index + 1}: does not say when and what to do`);
      const words = (cell: string): string[] => cell.split(/[ ,`]+/).filter((word) => word !== '' && word !== '-');
      return [
        {
          section,
          where: words(where),
          code,
          reason: reason.replaceAll('`', ''),
          details: words(details),
          test: testOf(test, reason.replaceAll('`', '')),
        },
      ];
    });
}

/** `-`, or a file and a part of a test's name, which must be there, and the reason with it. */
function testOf(cell: string, reason: string): ErrorLine['test'] {
  if (cell === '-') return undefined;
  const [, file = '', name = ''] = /^`([^`]+)`: (.+)$/.exec(cell) ?? [];
  const found = path.join(REPOSITORY, file);
  const text = file !== '' && existsSync(found) ? readFileSync(found, 'utf8') : '';
  if (name === '' || !text.includes(name) || (reason !== '-' && !text.includes(reason)))
    throw new Error(`docs/errors.md: there is no test of ${reason} as ${cell} says`);
  return { file, name };
}
