import { compareAll, goalOf } from './goals.ts';
import { isExact, median, type Measurement } from './measurement.ts';
import { REFERENCE } from './peers.ts';
import type { SpeedResults } from './speed.ts';

const digits = (rate: number): string =>
  rate >= 100 ? rate.toFixed(0) : rate >= 10 ? rate.toFixed(1) : rate.toFixed(2);

/** Median and, of several, the least and the most. */
function spread(rates: readonly number[]): string {
  if (rates.length === 0) return '';
  const middle = digits(median(rates));
  return rates.length === 1 ? middle : `${middle} (${digits(Math.min(...rates))}-${digits(Math.max(...rates))})`;
}

const times = (ratio: number): string => (Number.isFinite(ratio) ? `${ratio.toFixed(ratio < 10 ? 2 : 1)} x` : '');

/** pemmican against the reference and the fastest exact peer: one row a tokenizer and number of threads. */
function comparisonTable(measurements: readonly Measurement[]): string[] {
  const lines = [
    `| tokenizer | threads | counting MB/s | of ${REFERENCE} | goal | fastest exact peer | of it | encoding MB/s | of ${REFERENCE} | goal | fastest exact peer | of it | differences |`,
    '| --- | ---: | ---: | ---: | ---: | --- | ---: | ---: | ---: | ---: | --- | ---: | ---: |',
  ];
  const comparisons = compareAll(measurements);
  for (const count of comparisons.filter((each) => each.task === 'count')) {
    const encode = comparisons.find(
      (each) => each.task === 'encode' && each.tokenizer === count.tokenizer && each.threadCount === count.threadCount,
    );
    const cells = [count, encode].flatMap((each) => {
      if (each === undefined) return ['', '', '', '', ''];
      const peer = each.fastestPeer;
      return [
        digits(each.ours),
        times(each.ours / each.reference),
        `${goalOf(each.tokenizer, each.corpus, each.task)} x`,
        peer === undefined ? 'none' : `${peer.program}, ${digits(peer.rate)}`,
        peer === undefined ? '' : times(each.ours / peer.rate),
      ];
    });
    lines.push(`| ${[count.tokenizer, count.threadCount, ...cells, count.differences].join(' | ')} |`);
  }
  return lines;
}

function differences(measurement: Measurement): string {
  const { differingRecordCount, differingIdCount, recordCount } = measurement;
  if (isExact(measurement)) return '0';
  return `${differingRecordCount} of ${recordCount} records${differingIdCount === 0 ? '' : `, ${differingIdCount} ids`}`;
}

/** Every program with all that was measured of it. */
function programTable(measurements: readonly Measurement[]): string[] {
  const lines = [
    '| tokenizer | program | threads | MB given | counting MB/s | a CPU second | warm | encoding MB/s | a CPU second | warm | differences |',
    '| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |',
  ];
  for (const measurement of measurements) {
    const { tokenizer, program, version, threadCount, sizeBytes, count, encode, refusal } = measurement;
    if (refusal !== undefined || count.coldWall.length === 0) continue;
    const rates = [count, encode].flatMap((task) => [
      spread(task.coldWall),
      spread(task.coldCpu),
      spread(task.warmWall),
    ]);
    lines.push(
      `| ${[tokenizer, `${program} ${version}`.trim(), threadCount, (sizeBytes / 1e6).toFixed(1), ...rates, differences(measurement)].join(' | ')} |`,
    );
  }
  return lines;
}

/** A reason on one line, without the addresses and folders of the machine that it comes from. */
function plainReason(refusal: string): string {
  return refusal
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/https?:\/\/\S+|host='[^']*'|(?:\/[\w.@+-]+){2,}/g, '...')
    .replaceAll('|', '\\|');
}

/** Peers that gave no numbers, each with its reason. */
function refusalLines(measurements: readonly Measurement[]): string[] {
  const places = new Map<string, Set<string>>();
  for (const { program, refusal, tokenizer } of measurements) {
    if (refusal === undefined) continue;
    const line = `${program}: ${plainReason(refusal)}`;
    places.set(line, (places.get(line) ?? new Set()).add(tokenizer));
  }
  return [...places].map(([line, tokenizers]) => `- ${[...tokenizers].join(', ')}: ${line}`);
}

/** Tables of the speed part. */
export function speedSections({ measurements, references }: SpeedResults): string[] {
  const lines: string[] = [];
  const corpora = [...new Set(measurements.map((each) => each.corpus))];
  const of = (corpus: string): Measurement[] => measurements.filter((each) => each.corpus === corpus);
  for (const corpus of corpora) {
    const [reference] = references.filter((each) => each.corpus === corpus);
    lines.push(
      `## ${corpus}: pemmican, ${REFERENCE} and the fastest exact peer`,
      '',
      `${reference?.recordCount} records, ${((reference?.sizeBytes ?? 0) / 1e6).toFixed(1)} MB of UTF-8. Cold, medians, MB a second of wall clock.`,
      '',
      ...comparisonTable(of(corpus)),
      '',
    );
  }
  for (const corpus of corpora) lines.push(`## ${corpus}: every program`, '', ...programTable(of(corpus)), '');
  const refusals = refusalLines(measurements);
  if (refusals.length > 0) lines.push('## Peers that gave no numbers', '', ...refusals, '');
  lines.push(
    `## ${REFERENCE} over the whole corpus`,
    '',
    `One thread, once: the pass that made the ids that everything is compared with. It shows that the rate on the sample is the rate on the corpus.`,
    '',
    '| tokenizer | corpus | encoding MB/s | a CPU second | tokens | date |',
    '| --- | --- | ---: | ---: | ---: | --- |',
    ...references.map(
      (each) =>
        `| ${[each.tokenizer, each.corpus, digits(each.wallMegabytesPerSecond), digits(each.cpuMegabytesPerSecond), each.tokenCount, each.date].join(' | ')} |`,
    ),
    '',
  );
  return lines;
}
