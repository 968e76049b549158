import { Found } from './found';
import { clear, insert, makeRoom } from './memo';
import { flush } from './totals';
import { wordAt } from './words';

/** Remembers ids of `Found` from `first` on for a key that is not in the memo. */
export function remember(start: usize, end: usize, bits: u32, idCount: u32, first: u32): void {
  const length = <u32>(end - start);
  if (!makeRoom(length, idCount)) {
    flush();
    clear();
    if (!makeRoom(length, idCount)) return;
  }
  insert(start, end, bits, wordAt(Found.ids, first), idCount);
}
