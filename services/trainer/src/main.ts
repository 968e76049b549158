/**
 * The trainer's process.
 * @module
 */
import { readDescriptorSet } from '@pemmican/contract/descriptor-set';
import { createLogger, startServer } from '@pemmican/rpc';
import { serverMetrics, serverTracing } from '@pemmican/telemetry';
import { startTelemetry } from '@pemmican/telemetry/sdk';
import { readConfig } from './config.ts';
import { createTrainerService } from './trainer-service.ts';

// Unary calls take milliseconds, watchers attach again: what is left after this is cut off.
const STOP_GRACE_MS = 2_000;

const config = readConfig(process.env);
const telemetry = startTelemetry({ serviceName: 'pemmican-trainer', serviceVersion: '0.1.0', hasMetrics: true });
const service = createTrainerService(config);
// Runs that were taken up are not to blame where there can be no server (a port that is taken, a certificate that cannot be read).
const server = await startServer({
  services: service.services,
  listen: config.listen,
  security: config.security,
  logger: createLogger('trainer', config.logLevel),
  interceptors: [serverTracing, serverMetrics()],
  descriptorSet: readDescriptorSet(),
}).catch(async (error: unknown) => {
  await service.close();
  throw error;
});

let isStopping = false;
async function stop(): Promise<void> {
  if (isStopping) return;
  isStopping = true;
  // First the jobs, so that watchers are told to attach again and runs write their checkpoints.
  await Promise.all([service.close(), server.stop(STOP_GRACE_MS)]);
  await telemetry.shutdown();
  process.exit(0);
}
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void stop());
// Forked by the command: without it there is nobody to serve.
process.on('disconnect', () => void stop());
if (process.send === undefined) console.log(`trainer listens on ${server.address}`);
else process.send({ type: 'listening', address: server.address });
