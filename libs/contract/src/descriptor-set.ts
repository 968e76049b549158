import { readFileSync } from 'node:fs';

/** Bytes of the `google.protobuf.FileDescriptorSet` of every service, comments included: what server reflection answers from. */
export function readDescriptorSet(): Uint8Array {
  return readFileSync(new URL('./gen/descriptor-set.binpb', import.meta.url));
}
