import { writeFileSync } from 'node:fs';
import { median } from '../tokenizer-speed/measurement.ts';
import type { BenchmarkDevice, StepPlan, StepReport } from './plan.ts';
import { isApplicable, runProgram, trainsOtherLoss, type Program } from './programs.ts';
import type { StepResult } from './tables.ts';
import { SHAPES, type Shape, type Workload } from './workloads.ts';

/** The first steps pay for graph optimization, thread pools and first touches of memory. */
export const WARM_UP_STEPS = 3;

export interface MeasureOptions {
  readonly programs: readonly Program[];
  readonly device: BenchmarkDevice;
  readonly repeatCount: number;
  /** Where each process finds its plan. */
  readonly planFile: string;
  /** Told after each process what there is so far. */
  readonly onResults?: (results: readonly StepResult[]) => void;
}

/**
 * Measures models one after the other, in each shape.
 * @param models names, with commas between them
 * @param shapes likewise
 */
export async function measureAll(
  models: string,
  shapes: string,
  makeWorkload: (name: string) => Promise<Workload>,
  options: MeasureOptions,
): Promise<StepResult[]> {
  const results: StepResult[] = [];
  const { onResults } = options;
  for (const name of models.split(',')) {
    const workload = await makeWorkload(name);
    for (const shape of SHAPES.filter((each) => shapes.split(',').includes(each))) {
      const own = await measure(workload, shape, {
        ...options,
        onResults: (sofar) => onResults?.([...results, ...sofar]),
      });
      results.push(...own);
    }
  }
  return results;
}

/** Every program in turns, each in a process of its own, as often as asked for. */
async function measure(workload: Workload, shape: Shape, options: MeasureOptions): Promise<StepResult[]> {
  const programs = options.programs.filter((program) => isApplicable(program, workload.task));
  const reports = new Map<Program, StepReport[]>(programs.map((program) => [program, []]));
  const summarize = (): StepResult[] =>
    programs.flatMap((program) => {
      const own = reports.get(program) ?? [];
      if (own.length === 0) return [];
      const result: StepResult = {
        model: workload.model,
        shape: shape === 'dynamic' ? `${workload.batchSize}, dynamic` : `${workload.batchSize}x${shape}`,
        program,
        vocabRows: program.arm === 'full' ? workload.fullVocabSize : workload.tokenIdMap.reducedVocabSize,
        fullVocabSize: workload.fullVocabSize,
        hiddenSize: workload.hiddenSize,
        stepMs: median(own.flatMap((report) => report.stepMs.slice(WARM_UP_STEPS))),
        peakBytes: median(own.map((report) => report.peakBytes)),
        baseBytes: median(own.map((report) => report.baseBytes)),
        plannedBytes: own[0]?.plannedBytes,
        lastLoss: own[0]?.losses.at(-1) ?? NaN,
        isOtherLoss: trainsOtherLoss(program, workload.task),
      };
      return [result];
    });
  for (let repeat = 0; repeat < options.repeatCount; repeat++)
    for (const program of programs) {
      const isReduced = program.arm === 'reduced';
      const plan: StepPlan = {
        task: workload.task,
        arm: program.arm,
        modelFolder: program.isOurs && isReduced ? workload.reducedFolder : workload.fullFolder,
        keptFullTokenIds: Array.from(workload.tokenIdMap.keptTokenIds),
        gradientCheckpointing: program.gradientCheckpointing,
        bf16: program.bf16,
        device: options.device,
        batches: workload.batches(shape, isReduced),
      };
      writeFileSync(options.planFile, JSON.stringify(plan));
      try {
        const report = await runProgram(program, options.planFile, options.device);
        reports.get(program)?.push(report);
        const ms = median(report.stepMs.slice(WARM_UP_STEPS));
        console.error(
          `${workload.model}, ${program.name}: ${ms.toFixed(0)} ms, ${(report.peakBytes / 1e6).toFixed(0)} MB`,
        );
        options.onResults?.(summarize());
      } catch (error) {
        // A peer that cannot do it is left out; what we cannot do is a fault.
        if (program.isOurs) process.exitCode = 1;
        console.error(`${workload.model}, ${program.name}: ${(error as Error).message}`);
      }
    }
  return summarize();
}
