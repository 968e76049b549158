/** Precision, recall and F1 of the entities that tags name. */
export interface EntityScores {
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
}

/**
 * Scores of predicted entities over all sequences, 0 where undefined: those of seqeval 1.2.2 in its default mode, which is
 * conlleval's. An entity is right when its type, its first and its last tag are.
 * @param expected tags of each sequence, in IOB2 or another scheme of `B-`, `I-`, `E-`, `S-` and `O`
 * @param predicted tags in the same places
 */
export function entityScores(
  expected: readonly (readonly string[])[],
  predicted: readonly (readonly string[])[],
): EntityScores {
  const [right, found] = [entitiesOf(expected), entitiesOf(predicted)];
  const rightCount = [...found].filter((entity) => right.has(entity)).length;
  const precision = found.size === 0 ? 0 : rightCount / found.size;
  const recall = right.size === 0 ? 0 : rightCount / right.size;
  return { precision, recall, f1: rightCount === 0 ? 0 : (2 * precision * recall) / (precision + recall) };
}

const OUTSIDE = 'O';

/** Entities of all sequences, each as `first last type`: places count on from sequence to sequence. */
export function entitiesOf(sequences: readonly (readonly string[])[]): Set<string> {
  const entities = new Set<string>();
  let before = { kind: OUTSIDE, type: '' };
  let [place, first] = [0, 0];
  const visit = (tag: string): void => {
    const [kind = ''] = tag;
    // `B-PER`: what follows the first hyphen; a bare `B` has the type `_`.
    const rest = tag.slice(kind.length);
    const now = { kind, type: rest.slice(rest.indexOf('-') + 1) || '_' };
    if (isEnd(before.kind, kind) || (isInside(before.kind) && before.type !== now.type))
      entities.add(`${first} ${place - 1} ${before.type}`);
    if (isStart(before.kind, kind) || (isInside(kind) && before.type !== now.type)) first = place;
    before = now;
    place++;
  };
  for (const tags of sequences) {
    for (const tag of tags) visit(tag);
    visit(OUTSIDE);
  }
  return entities;
}

/** seqeval's end_of_chunk, types apart. */
function isEnd(before: string, now: string): boolean {
  return 'ES'.includes(before) || ('BI'.includes(before) && 'BSO'.includes(now));
}

/** seqeval's start_of_chunk, types apart. */
function isStart(before: string, now: string): boolean {
  return 'BS'.includes(now) || ('ESO'.includes(before) && 'EI'.includes(now));
}

function isInside(kind: string): boolean {
  return kind !== OUTSIDE && kind !== '.';
}
