import { rm } from 'node:fs/promises';
import path from 'node:path';
import { CLIENTS_FOLDER } from './places.ts';
import { run } from './run.ts';

const FOLDER = path.join(CLIENTS_FOLDER, 'java');
const TARGET = path.join(FOLDER, 'target');
const JAR = path.join(TARGET, 'pemmican-client-0.1.0.jar');

/** A process of seconds is over before the JVM's second compiler pays off. */
export const SHORT_LIVED_JVM: readonly string[] = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC'];

/**
 * Generates and builds the Java package `pemmican.example:pemmican-client`, with the packages that it needs beside it in `lib`.
 * Maven keeps what it fetches where it always does.
 * @returns the jar
 */
export async function packJava(): Promise<string> {
  await rm(TARGET, { recursive: true, force: true });
  const goals = ['package', 'dependency:copy-dependencies', '-DincludeScope=runtime', '-DoutputDirectory=target/lib'];
  await run('mvn', ['--batch-mode', '--no-transfer-progress', '--quiet', ...goals], {
    folder: FOLDER,
    environment: { MAVEN_OPTS: [...SHORT_LIVED_JVM, process.env['MAVEN_OPTS'] ?? ''].join(' ') },
  });
  return JAR;
}

/** Class path of a program that uses the package. */
export const JAVA_CLASS_PATH: string = [JAR, path.join(TARGET, 'lib', '*')].join(path.delimiter);
