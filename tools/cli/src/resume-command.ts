/** The command line that goes on with an interrupted run: the same words, and from the latest checkpoint. */
export function resumeCommand(commandLine: readonly string[]): string {
  const words: string[] = [];
  for (let index = 0; index < commandLine.length; index += 1) {
    const word = commandLine[index] ?? '';
    if (word === '--overwrite' || word.startsWith('--resume-from-checkpoint=')) continue;
    if (word === '--resume-from-checkpoint') {
      index += 1;
      continue;
    }
    words.push(word);
  }
  return formatCommand([...words, '--resume-from-checkpoint', 'latest']);
}

/** A command line as it can be pasted into a shell. */
export function formatCommand(commandLine: readonly string[]): string {
  return ['pemmican', ...commandLine].map(quote).join(' ');
}

function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
