import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { renderChart } from '../src/helm.ts';
import { parseManifests, type Manifest } from '../src/manifest.ts';
import { policyProblems } from '../src/policy/check.ts';
import { Schemas } from '../src/schemas.ts';

let text = '';
const schemas = await Schemas.open();
before(async () => {
  text = JSON.stringify(await renderChart());
});

/** The chart's manifests with one thing changed in every place where it stands. */
function changed(from: string, to: string): Manifest[] {
  assert.ok(text.includes(from), `${from} stands nowhere`);
  return JSON.parse(text.replaceAll(from, to)) as Manifest[];
}

describe('the policy finds what was taken away', () => {
  const cases: readonly (readonly [from: string, to: string, problem: string])[] = [
    ['"livenessProbe"', '"livenessProb"', 'StatefulSet pemmican-trainer, trainer: livenessProbe is missing'],
    [
      '"grpc":{"port":50060}',
      '"grpc":{"port":50061}',
      'StatefulSet pemmican-trainer, trainer: startupProbe asks port 50061, which the container does not have',
    ],
    ['"limits":{"memory":"8Gi"}', '"limits":{}', 'StatefulSet pemmican-trainer, trainer: no limit of memory'],
    ['"cpu":"2",', '', 'StatefulSet pemmican-trainer, trainer: no request for cpu'],
    [
      '"readOnlyRootFilesystem":true',
      '"readOnlyRootFilesystem":false',
      'StatefulSet pemmican-trainer, trainer: readOnlyRootFilesystem is not true',
    ],
    ['"drop":["ALL"]', '"drop":["NET_RAW"]', 'StatefulSet pemmican-trainer, trainer: capabilities do not drop ALL'],
    ['"runAsUser":10001', '"runAsUser":0', 'StatefulSet pemmican-trainer: runAsUser is no number above 0'],
    ['"RuntimeDefault"', '"Unconfined"', 'StatefulSet pemmican-trainer: seccompProfile is not RuntimeDefault'],
    [
      'pemmican/trainer:0.1.0',
      'pemmican/trainer:latest',
      'StatefulSet pemmican-trainer, trainer: image pemmican/trainer:latest has no version of its own',
    ],
    [
      'pemmican/trainer:0.1.0',
      'pemmican/trainer',
      'StatefulSet pemmican-trainer, trainer: image pemmican/trainer has no version of its own',
    ],
    [
      '"automountServiceAccountToken":false,"enableServiceLinks"',
      '"enableServiceLinks"',
      'StatefulSet pemmican-trainer: automountServiceAccountToken is not false',
    ],
    [
      '"emptyDir":{"sizeLimit":"20Gi"}',
      '"emptyDir":{}',
      'StatefulSet pemmican-trainer: emptyDir cache has no sizeLimit',
    ],
    [
      '"name":"store","mountPath"',
      '"name":"shop","mountPath"',
      'StatefulSet pemmican-trainer: there is no volume shop to mount',
    ],
    [
      '{"name":"metrics","containerPort"',
      '{"containerPort"',
      'StatefulSet pemmican-trainer, trainer: port 9464 has no name',
    ],
    ['"targetPort":"grpc"', '"targetPort":"http"', 'Service pemmican-trainer: no container has a port named http'],
    [
      '"serviceName":"pemmican-trainer-pods"',
      '"serviceName":"pemmican-trainer"',
      'StatefulSet pemmican-trainer: there is no headless service pemmican-trainer',
    ],
    [
      '"app.kubernetes.io/component":"trainer"}},"template"',
      '"app.kubernetes.io/component":"cook"}},"template"',
      "StatefulSet pemmican-trainer: its selector is not among its pods' labels",
    ],
    [
      ',"app.kubernetes.io/component":"trainer"}}}',
      '}}}',
      'PodDisruptionBudget pemmican-trainer: it selects pods of 3 workloads, 1 is expected',
    ],
    [
      '"name":"PEMMICAN_LOG_LEVEL"',
      '"name":"PEMMICAN_LISTEN"',
      'StatefulSet pemmican-trainer, trainer: variable PEMMICAN_LISTEN is set more than once',
    ],
  ];
  for (const [from, to, problem] of cases)
    test(problem, () => {
      const problems = policyProblems(changed(from, to));
      assert.ok(problems.includes(problem), problems.join('\n'));
    });
});

describe("Kubernetes' schemas find what a resource does not have", () => {
  const cases: readonly (readonly [from: string, to: string, problem: RegExp])[] = [
    ['"replicas":1', '"replica":1', /^StatefulSet pemmican-trainer: \/spec: .*additional properties \(replica\)$/],
    ['"livenessProbe"', '"livenesProbe"', /containers\/0: .*additional properties \(livenesProbe\)$/],
    ['"replicas":1', '"replicas":"one"', /^StatefulSet pemmican-trainer: \/spec\/replicas: must be integer/],
    ['"kind":"PodDisruptionBudget"', '"kind":"PodDisruption"', /policy\/v1 has no such kind$/],
  ];
  for (const [from, to, problem] of cases)
    test(String(problem), () => {
      const problems = changed(from, to).flatMap((manifest) => schemas.problemsOf(manifest));
      assert.ok(
        problems.some((each) => problem.test(each)),
        problems.join('\n'),
      );
    });
});

test('parseManifests names what cannot be read', () => {
  assert.deepEqual(parseManifests('---\n---\n', 'empty.yaml'), []);
  assert.throws(() => parseManifests('a: [1', 'cut.yaml'), { code: 'MALFORMED', message: /^cut\.yaml: / });
  assert.throws(() => parseManifests('kind: Pod', 'half.yaml'), {
    code: 'MALFORMED',
    message: 'half.yaml: a document has no apiVersion, kind or metadata.name',
  });
});
