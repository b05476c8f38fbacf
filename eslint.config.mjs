import js from '@eslint/js'
import tseslint from 'typescript-eslint'

/** The walls between the folders: data flows one way, so do imports. */
const walls = [
  {
    files: ['shared/**/*.ts'],
    // The host is where the operating system comes in.
    ignores: ['shared/test/**', 'shared/host.ts'],
    forbidden: ['node:*', '**/media/**', '**/exporter/**', '**/deploy/**'],
    message: 'shared/ imports nothing but itself; host.ts stands for the rest',
  },
  {
    files: ['media/**/*.ts'],
    forbidden: ['**/exporter/**', '**/deploy/**'],
    message: 'media/ and exporter/ know each other only by shared/',
  },
  {
    files: ['exporter/**/*.ts'],
    forbidden: ['**/media/**', '**/deploy/**', 'mediasoup'],
    message: 'media/ and exporter/ know each other only by shared/',
  },
  {
    files: ['media/{engine,ffmpeg,ingest,router,whep,process}/**/*.ts'],
    forbidden: ['**/exporter/**', '**/deploy/**', '**/outbox/**'],
    message: 'report is a parameter; only app.ts knows the outbox',
  },
]

export default tseslint.config(
  { ignores: ['node_modules', '.tap', 'data'] },
  js.configs.recommended,
  {
    files: ['**/*.mjs'],
    languageOptions: {
      globals: {
        process: 'readonly',
        console: 'readonly',
        URL: 'readonly',
        fetch: 'readonly',
        setTimeout: 'readonly',
        clearTimeout: 'readonly',
        setInterval: 'readonly',
        clearInterval: 'readonly',
        AbortSignal: 'readonly',
        AbortController: 'readonly',
        Buffer: 'readonly',
      },
    },
  },
  {
    files: ['**/*.ts', 'deploy/**/*.mjs', 'media/web/static/*.js'],
    extends: [
      tseslint.configs.strictTypeChecked,
      tseslint.configs.stylisticTypeChecked,
    ],
    languageOptions: {
      parserOptions: {
        projectService: true,
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/consistent-type-definitions': 'off',
      '@typescript-eslint/consistent-type-imports': 'error',
      eqeqeq: 'error',
      'no-console': 'error',
    },
  },
  {
    // TypeScript knows better which globals there are in a browser.
    files: ['media/web/static/*.js'],
    rules: { 'no-undef': 'off' },
  },
  {
    // tap itself awaits its subtests.
    files: ['**/test/**/*.ts'],
    rules: {
      '@typescript-eslint/no-floating-promises': [
        'error',
        {
          allowForKnownSafePromises: [
            {
              from: 'package',
              package: '@tapjs/core',
              name: 'PromiseWithSubtest',
            },
          ],
        },
      ],
    },
  },
  ...walls.map(({ files, ignores = [], forbidden, message }) => ({
    files,
    ignores,
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [{ group: forbidden, message }] },
      ],
    },
  })),
)
