import type { MethodDefinition } from '@grpc/grpc-js';

/**
 * A method whose stream encodes a message object once, for however many clients it is written to: events of a run go to all its
 * watchers. Such an object must not change after it was written.
 */
export function encodingOnce(method: MethodDefinition<unknown, unknown>): MethodDefinition<unknown, unknown> {
  if (!method.responseStream) return method;
  const { responseSerialize } = method;
  const encoded = new WeakMap<object, Buffer>();
  return {
    ...method,
    responseSerialize: (message) => {
      if (typeof message !== 'object' || message === null) return responseSerialize(message);
      const known = encoded.get(message);
      if (known !== undefined) return known;
      const bytes = responseSerialize(message);
      encoded.set(message, bytes);
      return bytes;
    },
  };
}
