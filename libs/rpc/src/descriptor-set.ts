// Field 1, length-delimited: `repeated FileDescriptorProto file = 1`.
const FILE_TAG = 10;

/**
 * Splits a google.protobuf.FileDescriptorSet into its files, byte for byte: decoding and encoding them again would lose
 * what the decoder does not know.
 */
export function splitFileDescriptorSet(set: Uint8Array): Buffer[] {
  const files: Buffer[] = [];
  let offset = 0;
  const varint = (): number => {
    let [value, shift] = [0, 0];
    for (;;) {
      const byte = set[offset++];
      if (byte === undefined) throw new RangeError(`The descriptor set is cut off at byte ${offset}`);
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
      shift += 7;
    }
  };
  while (offset < set.length) {
    const tag = varint();
    if (tag !== FILE_TAG) throw new RangeError(`Not a FileDescriptorSet: tag ${tag} at byte ${offset}`);
    const length = varint();
    if (offset + length > set.length)
      throw new RangeError(`The descriptor set is cut off: a file ends at byte ${offset + length} of ${set.length}`);
    files.push(Buffer.from(set.subarray(offset, offset + length)));
    offset += length;
  }
  return files;
}
