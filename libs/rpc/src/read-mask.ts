import { createRequire } from 'node:module';
import type * as Protobuf from '@bufbuild/protobuf';
import type { DescField, DescMessage, FileRegistry } from '@bufbuild/protobuf';
import type * as WellKnownTypes from '@bufbuild/protobuf/wkt';
import { readDescriptorSet } from '@pemmican/contract/descriptor-set';
import { invalidArgument } from './rpc-error.ts';

/** Most paths of a mask. A resource has some hundred fields, their parts included. */
const MAX_PATHS = 1000;

const FIELD = 'read_mask';

/** The part of a generated message's functions that a mask takes. */
export interface MaskedCodec<Message> {
  fromPartial(fields: object): Message;
}

type Fields = Readonly<Record<string, unknown>>;
/** The chosen fields of a message by their names in the contract; `all` stands for a field with all of its parts. */
type Tree = Map<string, Tree | 'all'>;

let registry: FileRegistry | undefined;

/**
 * What a client wants of a resource (AIP-157): paths of fields in the contract's names, `spec.model_uri`. A path goes through
 * messages, not through repeated fields and maps; the members of a oneof are fields like others. `*` and no path at all mean
 * everything.
 * @param typeName full name of the message, `pemmican.trainer.v1.Run`
 * @param codec its functions
 * @returns what makes a message with the chosen fields, others unset
 * @throws RpcError INVALID_ARGUMENT with every path that is none
 */
export function readMask<Message extends object>(
  typeName: string,
  codec: MaskedCodec<Message>,
  paths: readonly string[] | undefined,
): (message: Message) => Message {
  if (paths === undefined || paths.length === 0 || (paths.length === 1 && paths[0] === '*'))
    return (message) => message;
  if (paths.length > MAX_PATHS)
    throw invalidArgument([
      { field: FIELD, description: `has ${paths.length} paths, at most ${MAX_PATHS} are allowed` },
    ]);
  const type = messageOf(typeName);
  const tree: Tree = new Map();
  const problems = paths.flatMap((path) => add(tree, type, path) ?? []);
  if (problems.length > 0) throw invalidArgument(problems.map((description) => ({ field: FIELD, description })));
  return (message) => codec.fromPartial(choose(message as Fields, type, tree));
}

function messageOf(typeName: string): DescMessage {
  registry ??= readRegistry();
  const type = registry.getMessage(typeName);
  if (type === undefined) throw new Error(`The contract has no message ${typeName}`);
  return type;
}

/** The library is loaded by the first mask: every process that speaks gRPC would start a tenth of a second later for it. */
function readRegistry(): FileRegistry {
  const require = createRequire(import.meta.url);
  const { createFileRegistry, fromBinary } = require('@bufbuild/protobuf') as typeof Protobuf;
  const { FileDescriptorSetSchema } = require('@bufbuild/protobuf/wkt') as typeof WellKnownTypes;
  return createFileRegistry(fromBinary(FileDescriptorSetSchema, readDescriptorSet()));
}

/** @returns what is wrong with the path */
function add(tree: Tree, type: DescMessage, path: string): string | undefined {
  let [place, ofType]: [Tree, DescMessage | undefined] = [tree, type];
  const names = path.split('.');
  for (const [index, name] of names.entries()) {
    const field = ofType?.fields.find((candidate) => candidate.name === name);
    if (field === undefined) return `has ${JSON.stringify(path)}, which is no field of ${type.typeName}`;
    const known = place.get(name);
    // The whole field is chosen already, which has the rest of the path in it; it still has to be right.
    const rest: Tree = known === undefined || known === 'all' ? new Map<string, Tree | 'all'>() : known;
    if (known !== 'all') place.set(name, index === names.length - 1 ? 'all' : rest);
    place = rest;
    ofType = partsOf(field);
  }
  return undefined;
}

/** The message that a path can go on in. */
function partsOf(field: DescField): DescMessage | undefined {
  if (field.fieldKind !== 'message') return undefined;
  // Timestamps and durations are values: whoever wants their seconds wants their nanoseconds.
  return field.message.typeName.startsWith('google.protobuf.') ? undefined : field.message;
}

function choose(message: Fields, type: DescMessage, tree: Tree): Record<string, unknown> {
  const chosen: Record<string, unknown> = {};
  for (const field of type.fields) {
    const parts = tree.get(field.name);
    if (parts === undefined) continue;
    if (field.oneof === undefined) {
      const value = message[field.localName];
      if (value !== undefined) chosen[field.localName] = partOf(value, field, parts);
      continue;
    }
    // The generated code has one property for a oneof, which says in $case which field is set.
    const property = field.oneof.localName;
    const set = message[property] as { readonly $case: string; readonly value: unknown } | undefined;
    if (set?.$case !== field.localName) continue;
    chosen[property] = { $case: set.$case, value: partOf(set.value, field, parts) };
  }
  return chosen;
}

function partOf(value: unknown, field: DescField, parts: Tree | 'all'): unknown {
  const type = partsOf(field);
  return parts === 'all' || type === undefined ? value : choose(value as Fields, type, parts);
}
