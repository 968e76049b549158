import type { Program } from './programs.ts';

/** What one program needed for one workload and shape: medians over repeats. */
export interface StepResult {
  readonly model: string;
  readonly shape: string;
  readonly program: Program;
  readonly vocabRows: number;
  readonly fullVocabSize: number;
  readonly hiddenSize: number;
  readonly stepMs: number;
  readonly peakBytes: number;
  readonly baseBytes: number;
  readonly plannedBytes: number | undefined;
  readonly lastLoss: number;
  /** Set where the program trains on another loss than the others: it is shown, and no peer to be compared with. */
  readonly isOtherLoss: boolean;
}

/** Ratios that the project set itself, against the best of the peers in one workload and shape. */
export const TIME_GOAL = 0.8;
export const MEMORY_GOAL = 0.8;
export const RECOMPUTING_MEMORY_GOAL = 0.6;
const SAVING_GOAL = 0.95;
/** Weight, gradient and two moments in float32. */
const TRAINED_BYTES_PER_PARAMETER = 16;

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(0);
const table = (header: readonly string[], rows: readonly (readonly (string | number)[])[]): string[] => [
  `| ${header.join(' | ')} |`,
  `| ${header.map((_, index) => (index < 2 ? '---' : '---:')).join(' | ')} |`,
  ...rows.map((cells) => `| ${cells.join(' | ')} |`),
];

/** Results by workload and shape, in the order in which they came. */
export function groups(results: readonly StepResult[]): StepResult[][] {
  return [...Map.groupBy(results, (result) => `${result.model} ${result.shape}`).values()];
}

/** The fastest peer of a group, and the smallest of those that do not recompute. */
export function bestPeers(group: readonly StepResult[]): { stepMs: number; peakBytes: number } {
  const peers = group.filter(({ program, isOtherLoss }) => !program.isOurs && !isOtherLoss);
  return {
    stepMs: Math.min(...peers.map(({ stepMs }) => stepMs)),
    peakBytes: Math.min(
      ...peers.filter(({ program }) => !program.gradientCheckpointing).map(({ peakBytes }) => peakBytes),
    ),
  };
}

export function resultTable(results: readonly StepResult[]): string[] {
  const rows = groups(results).flatMap((group) => {
    const best = bestPeers(group);
    return group.map((result) => [
      result.model,
      `${result.program.name}${result.isOtherLoss ? ' (another loss)' : ''}`,
      result.shape,
      result.vocabRows,
      result.stepMs.toFixed(0),
      megabytes(result.peakBytes),
      megabytes(result.baseBytes),
      result.plannedBytes === undefined ? '' : megabytes(result.plannedBytes),
      (result.stepMs / best.stepMs).toFixed(2),
      (result.peakBytes / best.peakBytes).toFixed(2),
    ]);
  });
  return table(
    ['model', 'program', 'batch', 'rows', 'step ms', 'peak MB', 'base MB', 'planned tensors MB', 'time', 'peak'],
    rows,
  );
}

/** One line for each goal, with the ratios of every workload: ours in its smallest form against the best peer. */
export function goalLines(results: readonly StepResult[]): string[] {
  const ratios = (
    of: (result: StepResult, best: ReturnType<typeof bestPeers>) => number,
    isRecomputing: boolean,
  ): { name: string; ratio: number }[] =>
    groups(results).flatMap((group) => {
      const mine = group.filter(({ program }) => program.isOurs && program.gradientCheckpointing === isRecomputing);
      // The reduced run is what pemmican is for; where there is none, the full one is judged.
      const judged = mine.find(({ program }) => program.arm === 'reduced') ?? mine[0];
      if (judged === undefined) return [];
      return [{ name: `${judged.model} ${judged.shape}`, ratio: of(judged, bestPeers(group)) }];
    });
  const line = (title: string, goal: number, all: { name: string; ratio: number }[]): string => {
    const met = all.filter(({ ratio }) => ratio <= goal).length;
    const list = all.map(({ name, ratio }) => `${name} ${ratio.toFixed(2)}`).join(', ');
    return `- ${title}: at most ${goal} in ${met} of ${all.length} (${list}).`;
  };
  const time = (result: StepResult, best: ReturnType<typeof bestPeers>): number => result.stepMs / best.stepMs;
  const memory = (result: StepResult, best: ReturnType<typeof bestPeers>): number => result.peakBytes / best.peakBytes;
  return [
    line('Time of a step, of the fastest peer', TIME_GOAL, ratios(time, false)),
    line('Peak memory, of the smallest peer', MEMORY_GOAL, ratios(memory, false)),
    line('Peak memory with recomputation, of the smallest peer without', RECOMPUTING_MEMORY_GOAL, ratios(memory, true)),
  ];
}

/** What leaving rows out saves a program, against 16 bytes for each parameter that is left out. */
export function savingTable(results: readonly StepResult[]): string[] {
  const rows = groups(results).flatMap((group) =>
    (
      [
        ['pemmican, full', 'pemmican, reduced'],
        ['PyTorch, full', 'PyTorch, reference PEMA'],
        ['PyTorch, full', 'PEFT, trainable tokens'],
      ] as const
    ).flatMap(([fullName, reducedName]) => {
      const named = (name: string): StepResult | undefined => group.find(({ program }) => program.name === name);
      const [full, reduced] = [named(fullName), named(reducedName)];
      if (full === undefined || reduced === undefined) return [];
      const dropped = (full.fullVocabSize - reduced.vocabRows) * full.hiddenSize;
      const expected = dropped * TRAINED_BYTES_PER_PARAMETER;
      const saved = full.peakBytes - reduced.peakBytes;
      return [
        [
          full.model,
          reducedName,
          full.shape,
          dropped,
          megabytes(expected),
          megabytes(saved),
          `${((100 * saved) / expected).toFixed(1)} %`,
        ],
      ];
    }),
  );
  return [
    ...table(['model', 'program', 'batch', 'parameters left out', '16 bytes each, MB', 'measured, MB', 'share'], rows),
    '',
    `Goal for pemmican: ${SAVING_GOAL * 100} %.`,
  ];
}

/** The last loss of each program. */
export function lossLines(results: readonly StepResult[]): string[] {
  return [
    '## Last losses',
    '',
    'To show that all do the same work, up to new heads of their own:',
    '',
    ...results.map(
      ({ model, shape, program, lastLoss }) => `- ${model} ${shape}, ${program.name}: ${lastLoss.toFixed(4)}`,
    ),
    '',
  ];
}
