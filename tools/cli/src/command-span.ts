/** Placeholder while telemetry is loaded lazily; see withCommandSpan. */
export async function withCommandSpan(
  _name: string,
  _environment: Readonly<Record<string, string | undefined>>,
  action: () => Promise<void>,
): Promise<void> {
  await action();
}
