import { TENSORFLOW_DTYPE } from './dtype.ts';
import type { AttrValue, NodeDef } from './gen/tensorflow/saved_model.ts';
import { SavedModel, type TensorShapeProto } from './gen/tensorflow/saved_model.ts';
import type { GraphBuilder } from './graph-builder.ts';
import type { Attribute, GraphNode, Tensor } from './tensor.ts';

// GraphDef version of TensorFlow 2.21; its readers accept graphs of producers from 12 on.
const PRODUCER_VERSION = 1087;
const MIN_CONSUMER_VERSION = 12;

/** How TensorFlow names an output of a node. */
export function tensorReference(tensor: Tensor): string {
  return tensor.outputIndex === 0 ? tensor.node.name : `${tensor.node.name}:${tensor.outputIndex}`;
}

function shapeProto(shape: readonly number[]): TensorShapeProto {
  return { dim: shape.map((size) => ({ size })), unknownRank: false };
}

function attributeValue(attribute: Attribute): AttrValue {
  switch (attribute.kind) {
    case 'dtype':
      return { value: { $case: 'type', value: TENSORFLOW_DTYPE[attribute.value] } };
    case 'int':
      return { value: { $case: 'i', value: attribute.value } };
    case 'float':
      return { value: { $case: 'f', value: attribute.value } };
    case 'bool':
      return { value: { $case: 'b', value: attribute.value } };
    case 'string':
      return { value: { $case: 's', value: new TextEncoder().encode(attribute.value) } };
    case 'shape':
      return { value: { $case: 'shape', value: shapeProto(attribute.value) } };
    case 'tensor':
      return {
        value: {
          $case: 'tensor',
          value: {
            dtype: TENSORFLOW_DTYPE[attribute.dtype],
            tensorShape: shapeProto(attribute.shape),
            tensorContent: attribute.bytes,
          },
        },
      };
  }
}

function nodeDef(node: GraphNode): NodeDef {
  const controls = new Set(node.controlInputs.map((control) => `^${control.name}`));
  return {
    name: node.name,
    op: node.op,
    input: [...node.inputs.map(tensorReference), ...controls],
    device: node.device,
    attr: Object.fromEntries(
      Object.entries(node.attributes).map(([name, attribute]) => [name, attributeValue(attribute)]),
    ),
  };
}

/**
 * The graph as the bytes of a `saved_model.pb` with the tag `serve`. It has one signature, `pemmican`, whose only use is
 * that a loader asks for one: any node can be fed and fetched by name.
 * @param anchor some float or int tensor for that signature
 */
export function encodeSavedModel(builder: GraphBuilder, anchor: Tensor): Uint8Array {
  return SavedModel.encode({
    savedModelSchemaVersion: 1,
    metaGraphs: [
      {
        metaInfoDef: { tags: ['serve'], tensorflowVersion: '2.21.0' },
        graphDef: {
          node: builder.nodes.map(nodeDef),
          versions: { producer: PRODUCER_VERSION, minConsumer: MIN_CONSUMER_VERSION },
        },
        signatureDef: {
          pemmican: {
            inputs: {},
            outputs: {
              anchor: {
                name: `${anchor.node.name}:${anchor.outputIndex}`,
                dtype: TENSORFLOW_DTYPE[anchor.dtype],
                tensorShape: shapeProto([]),
              },
            },
            methodName: 'tensorflow/serving/predict',
          },
        },
      },
    ],
  }).finish();
}
