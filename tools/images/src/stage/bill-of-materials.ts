import type { PackageClosure } from './package-closure.ts';

/** Something else than an npm package that is in an image. */
export interface OtherComponent {
  readonly name: string;
  readonly version: string;
  /** SPDX expression. */
  readonly license: string;
  /** Package URL. */
  readonly purl: string;
  readonly sha256?: string;
}

interface Component {
  readonly type: 'application' | 'library';
  readonly 'bom-ref': string;
  readonly name: string;
  readonly version: string;
  readonly purl: string;
  readonly licenses?: readonly ({ readonly expression: string } | { readonly license: { readonly name: string } })[];
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[];
}

// npm says `SEE LICENSE IN FILE` and `UNLICENSED` beside SPDX expressions.
const IS_EXPRESSION = /^(?!SEE LICENSE|UNLICENSED)[A-Za-z0-9.+() -]+$/;
const HASHES: Readonly<Record<string, string>> = {
  sha1: 'SHA-1',
  sha256: 'SHA-256',
  sha384: 'SHA-384',
  sha512: 'SHA-512',
};

/**
 * The bill of materials of an image's application (CycloneDX 1.6, JSON). It is a function of what is in the image alone: no time,
 * no serial number.
 */
export function billOfMaterials(
  service: { readonly name: string; readonly version: string },
  closure: PackageClosure,
  others: readonly OtherComponent[],
): string {
  const own = [...closure.ownPackages.keys()].map((name) => component(name, service.version, 'Apache-2.0'));
  const installed = closure.installedPackages.map(({ name, version, license, integrity }) => ({
    ...component(name, version, license),
    ...(integrity === undefined ? {} : { hashes: toHashes(integrity) }),
  }));
  const rest = others.map(({ name, version, license, purl, sha256 }): Component => ({
    type: 'library',
    'bom-ref': purl,
    name,
    version,
    purl,
    licenses: [{ expression: license }],
    ...(sha256 === undefined ? {} : { hashes: [{ alg: 'SHA-256', content: sha256 }] }),
  }));
  // A package may be installed in several places.
  const unique = new Map([...own, ...installed, ...rest].map((entry) => [entry['bom-ref'], entry]));
  const components = [...unique.values()].sort((a, b) => (a['bom-ref'] < b['bom-ref'] ? -1 : 1));
  const document = {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: { component: { ...component(service.name, service.version, 'Apache-2.0'), type: 'application' } },
    components: components.filter(({ name }) => name !== service.name),
  };
  return `${JSON.stringify(document, undefined, 1)}\n`;
}

function component(name: string, version: string, license: string | undefined): Component {
  const purl = npmUrl(name, version);
  return {
    type: 'library',
    'bom-ref': purl,
    name,
    version,
    purl,
    ...(license === undefined
      ? {}
      : { licenses: [IS_EXPRESSION.test(license) ? { expression: license } : { license: { name: license } }] }),
  };
}

/** Package URL of an npm package; a scope's @ is encoded. */
export function npmUrl(name: string, version: string): string {
  return `pkg:npm/${name.replace('@', '%40')}@${version}`;
}

/** `ALGORITHM-BASE64 ...` of Subresource Integrity. */
function toHashes(integrity: string): { alg: string; content: string }[] {
  return integrity.split(/\s+/).flatMap((entry) => {
    const [algorithm = '', base64 = ''] = entry.split(/-(.*)/s);
    const alg = HASHES[algorithm];
    return alg === undefined ? [] : [{ alg, content: Buffer.from(base64, 'base64').toString('hex') }];
  });
}
