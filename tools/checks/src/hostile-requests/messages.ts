import type { Random } from './random.ts';

const LENGTH_DELIMITED = 2;
const START_GROUP = 3;

/** A varint of any size, also of more than ten bytes. */
const longVarint = (byteCount: number): Buffer => Buffer.from([...new Array<number>(byteCount - 1).fill(0xff), 0x7f]);
const tag = (field: number, wireType: number): Buffer => {
  const bytes: number[] = [];
  let rest = field * 8 + wireType;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return Buffer.from([...bytes, rest]);
};

/** Ways to spoil a message. */
const SPOILERS: readonly ((good: Buffer, random: Random) => Buffer)[] = [
  // Bytes that are no protobuf.
  (_, random) => random.bytes(1 + random.below(300)),
  (_, random) => Buffer.from('{"name": "runs/1", "spec": {}}'.repeat(1 + random.below(3))),
  // Cut off.
  (good, random) => good.subarray(0, random.below(good.length)),
  // A bit that has tipped over.
  (good, random) => {
    const bytes = Buffer.from(good);
    const place = random.below(Math.max(1, bytes.length));
    if (bytes.length > 0) bytes[place] = (bytes[place] ?? 0) ^ (1 << random.below(8));
    return bytes;
  },
  // Known fields of another wire type, or of one that there is none of.
  (good, random) => Buffer.concat([good, tag(1 + random.below(12), random.below(8)), random.bytes(random.below(12))]),
  // The largest and the smallest integers, and varints that never end.
  (good, random) => Buffer.concat([good, tag(1 + random.below(12), 0), longVarint(1 + random.below(14))]),
  (good, random) => Buffer.concat([good, tag(1 + random.below(12), 0), new Uint8Array(40).fill(0xff)]),
  // Lengths of four gigabytes, and past all numbers.
  (good, random) => Buffer.concat([good, tag(1 + random.below(12), LENGTH_DELIMITED), longVarint(5 + random.below(6))]),
  // Groups in groups.
  (good, random) => Buffer.concat([good, Buffer.alloc(10 ** (2 + random.below(4)), tag(15, START_GROUP))]),
  // Messages in messages: what stands in field 1 of what stands in field 1.
  (_, random) => nested(50 + random.below(3000)),
  // Fields that nobody knows, thousands of them.
  (good, random) =>
    Buffer.concat([
      good,
      ...Array.from({ length: 5000 }, () => Buffer.concat([tag(1000 + random.below(10_000), 0), Buffer.of(1)])),
    ]),
  // The number of no field, and the largest.
  (good, random) => Buffer.concat([good, random.pick([tag(0, 0), tag(2 ** 29 - 1, 0)]), Buffer.of(1)]),
  // Text that is not UTF-8, in the first field.
  (good, random) => {
    const text = random.pick([
      Buffer.of(0xff, 0xfe),
      Buffer.of(0xc0, 0x80),
      Buffer.of(0xed, 0xa0, 0x80),
      random.bytes(40),
    ]);
    return Buffer.concat([good, tag(1 + random.below(3), LENGTH_DELIMITED), Buffer.of(text.length), text]);
  },
];

/** A message made of a good one. */
export function spoiled(good: Buffer, random: Random): Buffer {
  return random.pick(SPOILERS)(good, random);
}

function nested(depth: number): Buffer {
  let bytes = Buffer.of(0x08, 0x01);
  for (let level = 0; level < depth && bytes.length < 200_000; level++) {
    const length: number[] = [];
    let rest = bytes.length;
    for (; rest >= 128; rest >>>= 7) length.push((rest & 127) | 128);
    bytes = Buffer.concat([Buffer.of(0x0a, ...length, rest), bytes]);
  }
  return bytes;
}
