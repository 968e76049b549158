import { SERVICE_NAMES } from '@pemmican/images';
import { formatTable } from '@pemmican/cli/table';
import { HOST } from './ports.ts';
import type { Stack } from './stack.ts';

/** What a person is told when the stack answers: where everything is, and how to use it. */
export function describeAddresses({ ports, places, options }: Stack): string {
  const rows = [
    ...SERVICE_NAMES.map((name) => [
      name,
      `${HOST}:${ports[name]}`,
      `gRPC; metrics at http://${HOST}:${ports[`${name}-metrics`]}/metrics`,
    ]),
    ...(options.collector === undefined
      ? []
      : [
          [
            'collector',
            `http://${HOST}:${ports['otlp-grpc']}`,
            `OTLP over gRPC; over HTTP at http://${HOST}:${ports['otlp-http']}; logs what it gets`,
          ],
        ]),
    ...(options.prometheus === undefined
      ? []
      : [
          ['prometheus', `http://${HOST}:${ports.prometheus}`, 'metrics and alerts'],
          ['dashboards', `http://${HOST}:${ports.dashboards}`, 'deploy/observability/grafana, drawn without Grafana'],
        ]),
  ];
  return `${formatTable(['name', 'address', ''], rows, ['left', 'left', 'left'])}

Logs: ${places.logs}
In another terminal:
  source ${places.environmentFile}
  npm run demo            # or npx pemmican run ...

Ctrl-C stops everything; runs write a checkpoint first, and go on when the stack starts again.
`;
}
