/**
 * Names under which checkpoints keep a parameter, most usual first: with the base model's prefix or without (a saved bare
 * encoder), and with the LayerNorm names of TensorFlow's original release (`gamma`, `beta`).
 * @param prefix the base model's, such as `bert.`
 */
export function checkpointNames(parameterName: string, prefix: string): string[] {
  const names = [parameterName];
  if (parameterName.startsWith(prefix)) names.push(parameterName.slice(prefix.length));
  return names.flatMap((name) => [
    name,
    ...(name.endsWith('LayerNorm.weight') ? [name.replace(/weight$/, 'gamma')] : []),
    ...(name.endsWith('LayerNorm.bias') ? [name.replace(/bias$/, 'beta')] : []),
  ]);
}
