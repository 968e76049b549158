/**
 * `node tools/clients/src/main.ts [LANGUAGE...]`: makes the clients' packages from proto/, all or those of some languages.
 * @module
 */
import { packGo } from './go.ts';
import { packJava } from './java.ts';
import { packPython } from './python.ts';
import { packTypescript } from './typescript.ts';

const PACKERS: Readonly<Record<string, () => Promise<string>>> = {
  typescript: packTypescript,
  python: packPython,
  go: packGo,
  java: packJava,
};

const named = process.argv.slice(2);
const unknown = named.find((name) => !Object.hasOwn(PACKERS, name));
if (unknown === undefined) {
  for (const [name, pack] of Object.entries(PACKERS))
    if (named.length === 0 || named.includes(name)) console.log(`${name}: ${await pack()}`);
} else {
  console.error(`There is no client for "${unknown}"; there are: ${Object.keys(PACKERS).join(', ')}`);
  process.exitCode = 2;
}
