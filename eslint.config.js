import { globalIgnores } from 'eslint/config';
import importX from 'eslint-plugin-import-x';
import tseslint from 'typescript-eslint';

// Layers of the design that run under Node and Deno alike: no Node modules, no Node globals.
const runtimeNeutral = [
  'safetensors',
  'tokenizer',
  'dataset',
  'vocabulary',
  'embedding',
  'graph',
  'models',
  'training',
];

export default tseslint.config(
  globalIgnores([
    '**/gen/**',
    '**/dist/**',
    // AssemblyScript, which its own compiler checks.
    '**/assembly/**',
    '**/node_modules/**',
    '.cache/**',
    '**/fixtures/**',
    '**/*.mjs',
    '**/*.cjs',
    '**/*.d.mts',
    'eslint.config.js',
    '.dependency-cruiser.cjs',
  ]),
  ...tseslint.configs.recommendedTypeChecked,
  {
    files: ['**/*.ts'],
    plugins: { 'import-x': importX },
    languageOptions: { parserOptions: { project: './tsconfig.json', tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-unused-vars': [
        'error',
        {
          argsIgnorePattern: '^_',
          varsIgnorePattern: '^_',
          destructuredArrayIgnorePattern: '^_',
          ignoreRestSiblings: true,
        },
      ],
      // Handlers and interface methods are async where their contract says so, with or without an await of their own.
      '@typescript-eslint/require-await': 'off',
      'import-x/no-cycle': 'error',
      'import-x/extensions': ['error', 'always', { ignorePackages: true }],
      'no-console': 'error',
      'no-restricted-imports': [
        'error',
        { patterns: [{ group: ['@pemmican/*/src/*', '../../*/src/*'], message: 'Import a package by its entry.' }] },
      ],
      'no-restricted-syntax': ['error', { selector: 'ExportAllDeclaration', message: 'Re-export by name.' }],
    },
  },
  {
    files: runtimeNeutral.map((name) => `libs/${name}/src/**/*.ts`),
    ignores: ['**/*.test.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [{ group: ['node:*'], message: 'Format and core libraries are runtime-neutral.' }] },
      ],
      'no-restricted-globals': ['error', 'process', 'Buffer', '__dirname', 'require'],
    },
  },
  {
    // Only a service's config reads the environment.
    files: ['services/*/src/**/*.ts', 'libs/*/src/**/*.ts'],
    ignores: [
      '**/config.ts',
      '**/main.ts',
      '**/*.test.ts',
      'libs/engine/src/**',
      'libs/testkit/src/**',
      'libs/telemetry/src/sdk.ts',
    ],
    rules: {
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'env', message: 'Read the environment in config.ts.' },
      ],
    },
  },
  {
    files: ['tools/**/*.ts', '**/main.ts'],
    rules: { 'no-console': 'off' },
  },
  {
    files: ['**/*.test.ts', '**/test/**/*.ts'],
    rules: {
      // node:test's `test` and `describe` return promises that the runner awaits itself.
      '@typescript-eslint/no-floating-promises': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      'no-console': 'off',
    },
  },
);
