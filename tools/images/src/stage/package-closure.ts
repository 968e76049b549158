import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { ImagesError } from '../error.ts';

/** A package of npm's that a service needs when it runs. */
export interface InstalledPackage {
  /** Folder in the repository, e.g. `node_modules/a/node_modules/b`. */
  readonly location: string;
  readonly name: string;
  readonly version: string;
  /** SPDX expression, as npm's lock file has it; undefined where the package says none. */
  readonly license: string | undefined;
  /** Digest of the package's archive, as `integrity` of the lock file has it. */
  readonly integrity: string | undefined;
}

/** What a workspace of ours needs when it runs. */
export interface PackageClosure {
  /** Folders of our own packages, e.g. `libs/rpc`, by name. */
  readonly ownPackages: ReadonlyMap<string, string>;
  readonly installedPackages: readonly InstalledPackage[];
}

interface LockEntry {
  readonly name?: string;
  readonly version?: string;
  readonly license?: string;
  readonly integrity?: string;
  readonly link?: boolean;
  readonly resolved?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
}

const MODULES = 'node_modules/';
// Of TensorFlow's packages the addon alone is run, which is added by itself. Types are for compilers.
const IS_LEFT_OUT = /^@tensorflow\/|^@types\//;

/**
 * Walks package-lock.json from a workspace over everything but development dependencies, as Node would find it from there.
 * @throws ImagesError MALFORMED where something that has to be installed is not
 */
export function packageClosure(repositoryFolder: string, workspace: string): PackageClosure {
  const lock = JSON.parse(readFileSync(path.join(repositoryFolder, 'package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, LockEntry>>;
  };
  const ownPackages = new Map<string, string>();
  const installed = new Map<string, InstalledPackage>();
  const visit = (location: string): void => {
    const entry = lock.packages[location];
    if (entry === undefined) throw new ImagesError('MALFORMED', `package-lock.json has no "${location}"`);
    if (entry.link === true && entry.resolved !== undefined) return visit(entry.resolved);
    const isOwn = !location.includes(MODULES);
    if (isOwn) {
      if (entry.name === undefined || ownPackages.has(entry.name)) return;
      ownPackages.set(entry.name, location);
    } else {
      if (installed.has(location)) return;
      // Builds for other systems are optional, and npm leaves them out.
      if (!existsSync(path.join(repositoryFolder, location))) return;
      installed.set(location, describe(location, entry));
    }
    const optional = Object.keys(entry.optionalDependencies ?? {});
    for (const name of [...Object.keys(entry.dependencies ?? {}), ...optional, ...requiredPeers(entry)]) {
      if (IS_LEFT_OUT.test(name)) continue;
      const found = resolve(lock.packages, location, name);
      if (found !== undefined) visit(found);
      else if (!optional.includes(name))
        throw new ImagesError('MALFORMED', `package-lock.json has no "${name}" for "${location}"`);
    }
  };
  visit(workspace);
  const installedPackages = [...installed.values()].sort((a, b) => (a.location < b.location ? -1 : 1));
  return { ownPackages, installedPackages };
}

function describe(location: string, entry: LockEntry): InstalledPackage {
  return {
    location,
    // An alias has its real name in the lock file.
    name: entry.name ?? location.slice(location.lastIndexOf(MODULES) + MODULES.length),
    version: entry.version ?? '',
    license: entry.license,
    integrity: entry.integrity,
  };
}

function requiredPeers(entry: LockEntry): string[] {
  return Object.keys(entry.peerDependencies ?? {}).filter(
    (name) => entry.peerDependenciesMeta?.[name]?.optional !== true,
  );
}

/** Where Node finds a package that is imported from a folder: in the nearest `node_modules` above. */
function resolve(packages: Readonly<Record<string, LockEntry>>, from: string, name: string): string | undefined {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/')))) {
    const location = `${folder === '' ? '' : `${folder}/`}${MODULES}${name}`;
    if (location in packages) return location;
    if (folder === '') return undefined;
  }
}
