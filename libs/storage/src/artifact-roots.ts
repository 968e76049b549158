import { lstatSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { StorageError, systemCode } from './error.ts';
import { parseLocation, type S3Location } from './uri.ts';

/** Fields of requests that hold a path or URI, beside those whose name ends with `Uri` or `Uris`. */
const OTHER_URI_FIELDS: ReadonlySet<string> = new Set(['resumeFromCheckpoint']);
/** What such a field may hold that is neither: the newest checkpoint of the run's own folder, which another field names. */
const WORDS: ReadonlySet<string> = new Set(['latest']);
const URI_FIELD = /uris?$/i;
/** What is not there, below a file, or has a name that no file can have: whoever opens it is told so by name. */
const MISSING_CODES: readonly (string | undefined)[] = ['ENOENT', 'ENOTDIR', 'ENAMETOOLONG'];
/** Colons between roots, but not the one of `s3://`. */
const SEPARATOR = /:(?!\/\/)|(?<!(?:^|:)s3):/;

/** The folders, and prefixes of buckets, below which callers may have files read and written. */
export class ArtifactRoots {
  readonly #roots: readonly string[] | undefined;
  readonly #prefixes: readonly S3Location[];

  /** @param roots existing folders; undefined allows every path, and every bucket */
  private constructor(roots: readonly string[] | undefined, prefixes: readonly S3Location[] = []) {
    this.#roots = roots;
    this.#prefixes = prefixes;
  }

  static readonly everywhere: ArtifactRoots = new ArtifactRoots(undefined);

  /**
   * @param list folders and `s3://BUCKET[/PREFIX]`, as in `PATH` separated by colons; undefined or empty allows every path.
   *   Where it names no bucket, none may be used.
   * @throws StorageError NOT_FOUND for a folder that is not there, INVALID_URI for what is no bucket
   */
  static parse(list: string | undefined): ArtifactRoots {
    const roots = (list ?? '').split(SEPARATOR).filter((root) => root !== '');
    if (roots.length === 0) return ArtifactRoots.everywhere;
    const isS3 = (root: string): boolean => root.startsWith('s3://');
    const prefixes = roots.filter(isS3).map((root) => parseLocation(root));
    return new ArtifactRoots(
      roots
        .filter((root) => !isS3(root))
        .map((folder) => {
          try {
            return realpathSync(folder);
          } catch (cause) {
            throw new StorageError('NOT_FOUND', folder, 'there is no such folder to keep artifacts in', { cause });
          }
        }),
      prefixes.filter((location) => location.kind === 's3'),
    );
  }

  /** Whether callers are kept below roots at all. */
  get areSet(): boolean {
    return this.#roots !== undefined;
  }

  /** The folders, without links; none where every path is allowed, or buckets alone. */
  get folders(): readonly string[] {
    return this.#roots ?? [];
  }

  /**
   * Checks every path and URI of a request, in whichever field it stands. What cannot be read as a URI is left to the request's own
   * validation; hubs are not local and pass.
   * @throws StorageError OUTSIDE_ROOTS for the first one that is, or that a link leads, outside
   */
  checkRequest(request: unknown): void {
    if (this.#roots === undefined) return;
    for (const uri of urisOf(request)) this.check(uri);
  }

  /**
   * Checks one path or URI, as {@link checkRequest} does.
   * @throws StorageError OUTSIDE_ROOTS
   */
  check(uri: string): void {
    if (this.#roots === undefined) return;
    let location: ReturnType<typeof parseLocation>;
    try {
      location = parseLocation(uri);
    } catch {
      return;
    }
    if (location.kind === 'hub') return;
    if (location.kind === 's3') {
      const isAllowed = this.#prefixes.some((prefix) => isBelow(prefix, location));
      if (isAllowed) return;
      throw new StorageError('OUTSIDE_ROOTS', uri, 'is not below a bucket or prefix that this service may use');
    }
    const real = realPath(location.path);
    const isInside = this.#roots.some((root) => real !== undefined && isWithin(root, real));
    if (!isInside) throw new StorageError('OUTSIDE_ROOTS', uri, 'is not below a folder that this service may use');
  }
}

/** Every string of a message that stands in a field for paths and URIs, but for the words of {@link WORDS}. */
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
  for (const [field, inner] of Object.entries(value)) {
    if (OTHER_URI_FIELDS.has(field) && typeof inner === 'string' && WORDS.has(inner)) continue;
    yield* urisOf(inner, isUriField(field === 'value' && chosen !== undefined ? chosen : field));
  }
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

/** Keys hold no `..` (see {@link parseLocation}), and there are no links. */
function isBelow(prefix: S3Location, { bucket, key }: S3Location): boolean {
  return bucket === prefix.bucket && (prefix.key === '' || key === prefix.key || key.startsWith(`${prefix.key}/`));
}
