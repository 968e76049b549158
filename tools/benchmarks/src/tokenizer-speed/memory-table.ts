import type { MemoryRow } from './memory.ts';

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(0);

/** The table of the memory part and what it shows. */
export function memorySections(rows: readonly MemoryRow[]): string[] {
  const prefixes = [...new Set(rows.map((row) => row.prefixBytes))];
  const lines = [
    '## Memory against corpus size',
    '',
    'Peak resident MB (VmHWM) of a process that counts the first so many MB of the corpus `whole`, read in blocks; the memo is what remembered chunks take at the end. Loaded is the peak with the tokenizer loaded and nothing counted.',
    '',
    `| tokenizer | cap on the memo | loaded | ${prefixes.map((bytes) => `${megabytes(bytes)} MB (memo)`).join(' | ')} | last to the one before | MB/s at the end |`,
    `| --- | --- | ---: | ${prefixes.map(() => '---:').join(' | ')} | ---: | ---: |`,
  ];
  for (const [first, ...others] of groups(rows)) {
    if (first === undefined) continue;
    const own = [first, ...others];
    const [before, last] = [own.at(-2) ?? first, own.at(-1) ?? first];
    const growth = last.report.peakBytes / before.report.peakBytes - 1;
    const cells = prefixes.map((prefix) => {
      const report = own.find((row) => row.prefixBytes === prefix)?.report;
      return report === undefined ? '' : `${megabytes(report.peakBytes)} (${megabytes(report.memoBytes)})`;
    });
    const cap = first.capBytes === undefined ? 'default' : `${(first.capBytes / 2 ** 20).toFixed(0)} MiB`;
    const rate = last.report.sizeBytes / 1e3 / last.report.wallMs;
    lines.push(
      `| ${[first.tokenizer, cap, megabytes(first.report.loadedBytes), ...cells, `${growth >= 0 ? '+' : ''}${(growth * 100).toFixed(1)} %`, rate.toFixed(1)].join(' | ')} |`,
    );
  }
  return [...lines, '', ...verdictLines(rows), ''];
}

function groups(rows: readonly MemoryRow[]): MemoryRow[][] {
  const found = new Map<string, MemoryRow[]>();
  for (const row of rows) {
    const key = `${row.tokenizer} ${row.capBytes}`;
    found.set(key, [...(found.get(key) ?? []), row]);
  }
  return [...found.values()];
}

const FLAT_SHARE = 0.05;

/** Whether the peak stays where it is once the memo no longer grows, and counts are the same with any cap. */
function verdictLines(rows: readonly MemoryRow[]): string[] {
  const growing: string[] = [];
  let pairCount = 0;
  for (const own of groups(rows))
    for (const [index, row] of own.entries()) {
      const before = own[index - 1];
      if (before === undefined || row.capBytes === undefined || before.report.memoBytes < row.capBytes / 4) continue;
      pairCount++;
      const growth = row.report.peakBytes / before.report.peakBytes - 1;
      if (growth > FLAT_SHARE)
        growing.push(
          `${row.tokenizer} from ${megabytes(before.prefixBytes)} to ${megabytes(row.prefixBytes)} MB (+${(growth * 100).toFixed(0)} %)`,
        );
    }
  const totals = new Map<string, Set<string>>();
  for (const { tokenizer, prefixBytes, report } of rows) {
    const key = `${tokenizer}, ${megabytes(prefixBytes)} MB`;
    totals.set(key, (totals.get(key) ?? new Set()).add(`${report.tokenCount} ${report.distinctTokenCount}`));
  }
  const unequal = [...totals].filter(([, values]) => values.size > 1).map(([key]) => key);
  return [
    `- **Flat after the small cap is reached** (at most ${FLAT_SHARE * 100} % more for up to twice the corpus): ${growing.length === 0 ? `met in all ${pairCount} steps` : `missed by ${growing.join('; ')}`}.`,
    `- **The same tokens with every cap**: ${unequal.length === 0 ? 'met' : `missed by ${unequal.join('; ')}`}.`,
  ];
}
