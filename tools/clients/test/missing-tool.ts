import { spawnSync } from 'node:child_process';

/** Why a language's tests are skipped, or `false` where its tool is there. */
export function missingTool(command: string, ...parameters: readonly string[]): string | false {
  const { status } = spawnSync(command, parameters, { stdio: 'ignore' });
  return status === 0 ? false : `${[command, ...parameters].join(' ')} does not run on this machine`;
}
