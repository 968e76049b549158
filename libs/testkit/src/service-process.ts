import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';

const SERVICES = path.resolve(import.meta.dirname, '../../../services');

/** A service in a process of its own, as it is deployed. */
export interface ServiceProcess {
  readonly child: ChildProcess;
  /** Resolves to its address when it listens; rejects when it ends before, having said why. Nobody needs to wait for it. */
  readonly listening: Promise<string>;
}

/**
 * Starts a service.
 * @param name folder below `services/`
 * @param environment what it is told beside what this process was
 * @param stderr `pipe` for who reads what it says
 */
export function forkService(
  name: string,
  environment: Readonly<Record<string, string>>,
  stderr: 'inherit' | 'pipe' = 'inherit',
): ServiceProcess {
  const child = fork(path.join(SERVICES, name, 'src/main.ts'), [], {
    execArgv: [],
    stdio: ['ignore', 'inherit', stderr, 'ipc'],
    env: { ...process.env, ...environment },
  });
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`The service ended with ${String(code)} before it listened`);
  });
  const told = once(child, 'message').then(([message]) => (message as { readonly address: string }).address);
  const listening = Promise.race([told, ended]);
  for (const promise of [listening, ended]) promise.catch(() => undefined);
  return { child, listening };
}

/** Ends a process that has not ended; its exit code, null where a signal ended it. */
export async function endProcess(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const ended = once(child, 'exit');
  child.kill(signal);
  const [code] = (await ended) as [number | null];
  return code;
}
