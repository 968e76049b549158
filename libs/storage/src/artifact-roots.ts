import { lstatSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { StorageError, systemCode } from './error.ts';
import { parseLocation } from './uri.ts';

/** Fields of requests that hold a path or URI, beside those whose name ends with `Uri` or `Uris`. */
const OTHER_URI_FIELDS: ReadonlySet<string> = new Set(['resumeFromCheckpoint']);
const URI_FIELD = /uris?$/i;
/** What is not there, below a file, or has a name that no file can have: whoever opens it is told so by name. */
const MISSING_CODES: readonly (string | undefined)[] = ['ENOENT', 'ENOTDIR', 'ENAMETOOLONG'];

/** The folders below which callers may have files read and written. */
export class ArtifactRoots {
  readonly #roots: readonly string[] | undefined;

  /** @param roots existing folders; undefined allows every path */
  private constructor(roots: readonly string[] | undefined) {
    this.#roots = roots;
  }

  static readonly everywhere: ArtifactRoots = new ArtifactRoots(undefined);

  /**
   * @param list folders, as in `PATH` separated by colons; undefined or empty allows every path
   * @throws StorageError NOT_FOUND for a folder that is not there
   */
  static parse(list: string | undefined): ArtifactRoots {
    const folders = (list ?? '').split(path.delimiter).filter((folder) => folder !== '');
    if (folders.length === 0) return ArtifactRoots.everywhere;
    return new ArtifactRoots(
      folders.map((folder) => {
        try {
          return realpathSync(folder);
        } catch (cause) {
          throw new StorageError('NOT_FOUND', folder, 'there is no such folder to keep artifacts in', { cause });
        }
      }),
    );
  }

  /**
   * Checks every path and URI of a request, in whichever field it stands. What cannot be read as a URI is left to the request's own
   * validation; hubs are not local and pass.
   * @throws StorageError OUTSIDE_ROOTS for the first one that is, or that a link leads, outside
   */
  checkRequest(request: unknown): void {
    if (this.#roots === undefined) return;
    for (const uri of urisOf(request)) this.#check(uri);
  }

  #check(uri: string): void {
    let location: ReturnType<typeof parseLocation>;
    try {
      location = parseLocation(uri);
    } catch {
      return;
    }
    if (location.kind !== 'local') return;
    const real = realPath(location.path);
    const isInside = this.#roots?.some((root) => real !== undefined && isWithin(root, real)) ?? true;
    if (!isInside) throw new StorageError('OUTSIDE_ROOTS', uri, 'is not below a folder that this service may use');
  }
}

/** Every string of a message that stands in a field for paths and URIs. */
function* urisOf(value: unknown, isUri = false): Generator<string, void, undefined> {
  if (typeof value === 'string') {
    if (isUri && value !== '') yield value;
    return;
  }
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return;
  if (Array.isArray(value)) {
    for (const item of value) yield* urisOf(item, isUri);
    return;
  }
  // A oneof says in $case which field its value is.
  const chosen = '$case' in value && typeof value.$case === 'string' ? value.$case : undefined;
  for (const [field, inner] of Object.entries(value))
    yield* urisOf(inner, isUriField(field === 'value' && chosen !== undefined ? chosen : field));
}

const isUriField = (field: string): boolean => URI_FIELD.test(field) || OTHER_URI_FIELDS.has(field);

/**
 * Where a path leads once links are followed; what is not there yet counts from the nearest folder that is. Undefined for a
 * link to nothing: what is written through it could come out anywhere.
 */
function realPath(name: string): string | undefined {
  const missing: string[] = [];
  for (let place = name; ; place = path.dirname(place)) {
    try {
      return path.join(realpathSync(place), ...missing);
    } catch (error) {
      if (!MISSING_CODES.includes(systemCode(error)) || isLink(place) || path.dirname(place) === place)
        return undefined;
      missing.unshift(path.basename(place));
    }
  }
}

function isLink(place: string): boolean {
  try {
    return lstatSync(place).isSymbolicLink();
  } catch {
    return false;
  }
}

function isWithin(root: string, place: string): boolean {
  const relative = path.relative(root, place);
  return relative === '' || (!relative.startsWith(`..${path.sep}`) && relative !== '..' && !path.isAbsolute(relative));
}
