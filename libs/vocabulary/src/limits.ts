/** Far above any vocabulary (the largest have a few million pieces); bounds what a hostile file can make us allocate. */
export const MAX_VOCAB_SIZE = 100_000_000;
