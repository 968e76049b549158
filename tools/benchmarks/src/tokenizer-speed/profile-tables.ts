import type { FunctionShares } from './function-shares.ts';
import type { ProfileRow } from './profile.ts';

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
const MAX_FUNCTIONS = 8;

function functionLine(row: ProfileRow, task: string, { functions }: FunctionShares): string {
  const list = functions.slice(0, MAX_FUNCTIONS).map(({ name, share }) => `${name} ${percent(share)}`);
  return `- ${row.tokenizer}, ${row.corpus}, ${task}: ${list.join(', ')}`;
}

/** Tables of the profile part. */
export function profileSections(rows: readonly ProfileRow[]): string[] {
  const names = rows[0]?.stages.stages.map((stage) => stage.name) ?? [];
  const lines = [
    '## Where the time goes',
    '',
    'MB a second of the thread’s own time, each column a loop over the whole corpus that does more of the work than the one before; the cold pass is the first thing that its process does. Chunks are what the cut table alone gives.',
    '',
    `| tokenizer | corpus | ${names.join(' | ')} | cold of the bare scan | chunks | different ones |`,
    `| --- | --- | ${names.map(() => '---:').join(' | ')} | ---: | ---: | ---: |`,
  ];
  for (const { tokenizer, corpus, stages } of rows) {
    const rates = stages.stages.map((stage) => stage.megabytesPerSecond);
    const cells = [
      tokenizer,
      corpus,
      ...rates.map((rate) => rate.toFixed(rate < 100 ? 1 : 0)),
      percent((rates.at(-1) ?? NaN) / (rates[0] ?? NaN)),
      stages.chunkCount,
      stages.distinctChunkCount,
    ];
    lines.push(`| ${cells.join(' | ')} |`);
  }
  lines.push(
    '',
    'Shares of a cold pass, from samples of the stack every 0.2 ms. Model is what chunks cost that were not in the memo: tokenizing them and putting them into it. Scan is cutting, hashing, looking up and adding up. V8 is the runtime itself (compiling, native functions).',
    '',
    '| tokenizer | corpus | task | scan | model | V8 | garbage collection | benchmark |',
    '| --- | --- | --- | ---: | ---: | ---: | ---: | ---: |',
  );
  for (const row of rows)
    for (const [task, shares] of [
      ['counting', row.counting],
      ['encoding', row.encoding],
    ] as const) {
      const cells = [shares.scan, shares.model, shares.engine, shares.garbageCollection, shares.rest].map(percent);
      lines.push(`| ${[row.tokenizer, row.corpus, task, ...cells].join(' | ')} |`);
    }
  lines.push('', 'The functions themselves, without what they call:', '');
  for (const row of rows)
    lines.push(functionLine(row, 'counting', row.counting), functionLine(row, 'encoding', row.encoding));
  return [...lines, ''];
}
