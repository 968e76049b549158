/**
 * What the plan says of a step's memory beside what TensorFlow's own log says:
 * `node libs/training/test/memory-table.ts > docs/benchmarks/memory-plan.md`. Takes two minutes.
 * @module
 */
import { MEMORY_CASES, measureCase } from './memory-cases.ts';

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(2);

const share = (planned: number, liveBytes: number): string => `${(100 * (planned / liveBytes - 1)).toFixed(2)} %`;

const measured = MEMORY_CASES.map((one) => ({ one, ...measureCase(one) }));
const rows = measured
  .filter(({ otherDevice }) => otherDevice === undefined)
  .map(({ one, liveBytes, plan }) => {
    const { name, batch, targetLength, isEvaluation = false } = one;
    const line = [
      name,
      `${batch.join('x')}${targetLength === undefined ? '' : ` to ${targetLength}`}`,
      one.rows,
      ...[plan.weightBytes, plan.optimizerBytes, plan.gradientBytes, plan.activationBytes, plan.workspaceBytes].map(
        megabytes,
      ),
      megabytes(plan.peakBytes),
      megabytes(liveBytes),
      share(plan.peakBytes, liveBytes),
    ];
    return { isEvaluation, excess: plan.peakBytes / liveBytes - 1, text: `| ${line.join(' | ')} |` };
  });
const deviceRows = measured.flatMap(({ one, otherDevice, ...first }) =>
  otherDevice === undefined
    ? []
    : [first, otherDevice].map(({ liveBytes, plan }, device) => {
        const bytes = [plan.peakBytes, liveBytes].map(megabytes);
        return `| ${[one.name, device === 0 ? 'first' : 'other', ...bytes, share(plan.peakBytes, liveBytes), megabytes(first.plan.weightBytes)].join(' | ')} |`;
      }),
);
const HEAD = [
  '| case | batch | rows | weights | moments | gradients | activations | workspace | planned | live | above |',
  '| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |',
];
const of = (isEvaluation: boolean): string[] =>
  rows.filter((row) => row.isEvaluation === isEvaluation).map(({ text }) => text);
const steps = rows.filter(({ isEvaluation }) => !isEvaluation).map(({ excess }) => excess);
const range = `${(100 * Math.min(...steps)).toFixed(2)} to ${(100 * Math.max(...steps)).toFixed(2)} %`;
process.stdout.write(
  [
    '# Planned memory beside measured memory',
    '',
    `\`node libs/training/test/memory-table.ts\` on ${new Date().toISOString().slice(0, 10)}, Node ${process.version}, TensorFlow 2.21.0 (CPU). Megabytes (10^6) of`,
    "tensors: what `planStep` finds before anything runs, by category at the moment of the peak, and the largest sum of live tensors that TensorFlow's own log of",
    'its allocations (`TF_CPP_VMODULE=log_memory=2`) shows over three steps (the least of three measurements where it is over the plan). Models are random, of the shapes that the case names; a BERT of 4 layers of 256 where',
    `it names none. The plan of a training step is ${range} above the log, over ${steps.length} cases; \`npm test\` fails where one is below it or 5 % above.`,
    '',
    ...HEAD,
    ...of(false),
    '',
    '## Several devices',
    '',
    'Two devices of a CPU. They share their memory, so that what one sends to the other (weights there, gradients back) is the same bytes: each GPU has to hold a copy, which',
    'the plan counts and the log cannot show. `npm test` fails where a plan is below the log, or above it by more than 5 % and the bytes of all weights.',
    '',
    '| case | device | planned | live | above | weights |',
    '| --- | --- | ---: | ---: | ---: | ---: |',
    ...deviceRows,
    '',
    '## Evaluations',
    '',
    "Nothing holds the engine to the plan's order there, and without a backward pass it puts GELU and its bias into the matrix product before them: the plan may be",
    'a tenth too low or too high.',
    '',
    ...HEAD,
    ...of(true),
    '',
  ].join('\n'),
);
