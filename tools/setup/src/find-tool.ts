import { SetupError } from './error.ts';
import { runCommand } from './run-command.ts';

/** A Python that has pip, and how it calls itself. */
export interface FoundPython {
  readonly command: string;
  readonly version: string;
  readonly pipVersion: string;
}

/** A C++ compiler, and how it calls itself. */
export interface FoundCompiler {
  readonly command: string;
  readonly version: string;
}

function candidates(variable: string, names: readonly string[]): readonly string[] {
  const named = process.env[variable];
  return named === undefined || named === '' ? names : [named];
}

/** Python 3 with pip: the one that `PEMMICAN_PYTHON` names, else `python3`, else `python`. */
export async function findPython(): Promise<FoundPython | undefined> {
  for (const command of candidates('PEMMICAN_PYTHON', ['python3', 'python'])) {
    const version = await runCommand(command, ['-c', 'import sys; print("%d.%d.%d" % sys.version_info[:3])']);
    if (version.code !== 0 || !version.stdout.startsWith('3.')) continue;
    const pip = await runCommand(command, ['-m', 'pip', '--version']);
    const pipVersion = /^pip (\S+)/.exec(pip.stdout)?.[1];
    if (pip.code === 0 && pipVersion !== undefined) return { command, version: version.stdout.trim(), pipVersion };
  }
  return undefined;
}

/** @throws SetupError MISSING_TOOL, with what to install */
export async function requirePython(): Promise<FoundPython> {
  const python = await findPython();
  if (python !== undefined) return python;
  throw new SetupError(
    'MISSING_TOOL',
    'Python 3 with pip is needed to fetch packages, and none was found. Debian, Ubuntu: apt-get install python3 ' +
      'python3-pip python3-venv. Fedora: dnf install python3 python3-pip. Elsewhere: set PEMMICAN_PYTHON to a python ' +
      'for which `python -m pip --version` works',
  );
}

/** A C++ compiler: the one that `CXX` names, else `g++`, else `clang++`. */
export async function findCompiler(): Promise<FoundCompiler | undefined> {
  for (const command of candidates('CXX', ['g++', 'clang++'])) {
    const { code, stdout } = await runCommand(command, ['--version']);
    if (code === 0) return { command, version: stdout.split('\n')[0] ?? '' };
  }
  return undefined;
}

/** @throws SetupError MISSING_TOOL, with what to install */
export async function requireCompiler(): Promise<FoundCompiler> {
  const compiler = await findCompiler();
  if (compiler !== undefined) return compiler;
  throw new SetupError(
    'MISSING_TOOL',
    "A C++17 compiler is needed for TensorFlow's Node addon, and none was found. Debian, Ubuntu: apt-get install g++. " +
      'Fedora: dnf install gcc-c++. Elsewhere: set CXX to the compiler',
  );
}
