/**
 * Longest chat template in UTF-16 units: four times the longest that models have. The template engine goes back and forth over
 * long runs of white space, so that reading one takes time with its square.
 */
export const MAX_TEMPLATE_CHARACTERS = 128 * 1024;

/** Most tokens of a packed block. */
export const MAX_BLOCK_SIZE = 1_000_000;

/** Longest rendered conversation in UTF-16 units: as many as the bytes of the largest record. */
export const MAX_RENDERED_CHARACTERS = 128 * 1024 * 1024;

/**
 * Most steps of a rendering (a node of the template evaluated, a turn of a loop). A message takes some tens, so that a
 * conversation of ten thousand passes; templates come with models, and one that loops on must not take a service's thread for more
 * than seconds.
 */
export const MAX_RENDERING_STEPS = 2_000_000;

/** Most numbers of `range`, as Jinja's own sandbox has it. */
export const MAX_RANGE = 100_000;
