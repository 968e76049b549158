// The layers of ARCHITECTURE.md: an arrow never points up. Tests may reach where they must; sources may not.
const layers = {
  format: ['safetensors', 'tokenizer', 'dataset'],
  core: ['sequences', 'vocabulary', 'embedding', 'graph', 'models', 'training'],
  contract: ['contract'],
  infra: ['artifacts', 'engine', 'jobs', 'rpc', 'telemetry', 'device-memory', 'storage', 'run-store'],
};
const paths = (...names) => `^libs/(${names.flatMap((name) => layers[name]).join('|')})/`;
const source = { pathNot: '\\.test\\.ts$|/test/' };

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'no-cycle',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'format-imports-nothing-of-ours',
      severity: 'error',
      from: { path: '^libs/(safetensors|tokenizer|dataset)/', ...source },
      to: { path: '^(libs|services|tools)/', pathNot: '^libs/$1/' },
    },
    {
      name: 'core-imports-format-and-core',
      severity: 'error',
      from: { path: paths('core'), ...source },
      to: { path: `^services/|^tools/|^libs/testkit/|${paths('infra', 'contract')}` },
    },
    ...layers.core.slice(0, -1).map((name, index) => ({
      name: `core-${name}-imports-core-to-its-left`,
      severity: 'error',
      from: { path: `^libs/${name}/`, ...source },
      to: { path: `^libs/(${layers.core.slice(index + 1).join('|')})/` },
    })),
    {
      name: 'infra-imports-contract-and-format',
      severity: 'error',
      from: { path: paths('infra'), ...source },
      to: { path: `^services/|^tools/|^libs/testkit/|${paths('core')}` },
    },
    {
      name: 'contract-imports-nothing-of-ours',
      severity: 'error',
      from: { path: paths('contract') },
      to: { path: '^(libs|services|tools)/', pathNot: '^libs/contract/' },
    },
    {
      name: 'service-never-imports-another-service',
      severity: 'error',
      from: { path: '^services/([^/]+)/', ...source },
      to: { path: '^services/', pathNot: '^services/$1/' },
    },
    {
      name: 'service-never-imports-a-tool',
      severity: 'error',
      from: { path: '^services/', ...source },
      to: { path: '^tools/|^libs/testkit/' },
    },
    {
      name: 'core-and-format-are-runtime-neutral',
      severity: 'error',
      from: { path: paths('format', 'core'), ...source },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'otel-sdk-only-behind-telemetry',
      severity: 'error',
      from: { path: '^(libs|services)/', pathNot: '^libs/telemetry/|\\.test\\.ts$|/test/' },
      to: { path: '@opentelemetry/(sdk|exporter)' },
    },
    { name: 'no-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    // The TypeScript client's example stands outside, as a user's program: it imports the package that is built. k6 runs its script.
    exclude: { path: '/gen/|^tools/clients/typescript/|^tools/benchmarks/src/grpc-load/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  },
};
