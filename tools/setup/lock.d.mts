/** Runs `action` while no other process of this machine runs one with the same folder, and waits for its turn. */
export declare function withLock<Result>(
  folder: string,
  report: (line: string) => void,
  action: () => Promise<Result>,
): Promise<Result>;
