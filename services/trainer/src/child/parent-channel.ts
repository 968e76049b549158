import type { ChildMessage, ParentMessage } from './messages.ts';

/**
 * Sends a message and waits until it is on its way: the channel's buffer then stays small, and what was sent before the
 * process ends is not lost.
 */
export function sendToParent(message: ChildMessage): Promise<void> {
  return new Promise((resolve, reject) => {
    if (process.send === undefined || !process.connected) {
      reject(new Error('The service that started this process is gone'));
      return;
    }
    process.send(message, undefined, undefined, (error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
}

/** Calls `receive` for each message, and ends the process when the service is gone: a run without one would write unseen. */
export function listenToParent(receive: (message: ParentMessage) => void): void {
  process.on('message', receive);
  process.on('disconnect', () => {
    process.exit(1);
  });
}

/** Lets pending messages come in. */
export function breathe(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
