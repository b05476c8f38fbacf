import js from '@eslint/js'
import tseslint from 'typescript-eslint'

/**
 * The folders of media/ and what each may import of the others: a folder, or
 * one file of it. A port is declared by its consumer, so stream/ imports
 * whep/stream-port.ts, which it implements, and not the other way round. Only
 * app.ts imports outbox/: the other folders get `report` as a parameter.
 */
const MEDIA_IMPORTS = {
  engine: [],
  ffmpeg: [],
  http: [],
  ingest: [
    'engine',
    'ffmpeg/mask.ts',
    'ffmpeg/progress.ts',
    'ffmpeg/run-port.ts',
  ],
  outbox: [],
  process: ['ffmpeg', 'http', 'ingest/webrtc-config.ts'],
  stream: [
    'engine',
    'ffmpeg/progress.ts',
    'ffmpeg/run-port.ts',
    'ingest',
    'process/stream-port.ts',
    'whep/stream-port.ts',
  ],
  web: ['http', 'stream/status.ts', 'whep'],
  whep: ['engine', 'http'],
}

/** What no file of media/ may import. */
const OUTSIDE_MEDIA = ['**/exporter/**', '**/deploy/**']

/** What no file of exporter/ may import. */
const OUTSIDE_EXPORTER = ['**/media/**', '**/deploy/**', 'mediasoup']

/** What runs only in the player process, with the native WebRTC library. */
const PLAYER = ['node-datachannel', '**/player.ts', '**/play.ts', '**/peer.ts']

/** The other folders of exporter/, for exporter/probe. */
const OUTSIDE_PROBE = [
  ...OUTSIDE_EXPORTER,
  '**/feed/**',
  '**/registry/**',
  '**/web/**',
]

/**
 * ESLint replaces the options of a rule where a later block matches the same
 * file, so each of these blocks has all patterns for its folder.
 */
const mediaWalls = Object.entries(MEDIA_IMPORTS).map(([folder, allowed]) => ({
  files: [`media/${folder}/**/*.ts`],
  forbidden: [
    ...OUTSIDE_MEDIA,
    ...Object.keys(MEDIA_IMPORTS)
      .filter(other => other !== folder && !allowed.includes(other))
      .map(other => `**/${other}/**`),
    ...allowed.filter(path => path.endsWith('.ts')).map(path => `!**/${path}`),
  ],
  message: `media/${folder} may import ${allowed.join(', ') || 'no other folder of media/'}`,
}))

/** The walls between the folders: data flows one way, so do imports. */
const walls = [
  {
    files: ['shared/protocol/*.ts'],
    forbidden: [
      'node:*',
      '**/runtime/**',
      '**/media/**',
      '**/exporter/**',
      '**/deploy/**',
    ],
    message: 'shared/protocol imports nothing but itself',
  },
  {
    files: ['shared/runtime/*.ts'],
    forbidden: ['**/media/**', '**/exporter/**', '**/deploy/**'],
    message: 'shared/runtime imports only shared/ and node:*',
  },
  {
    files: ['media/**/*.ts'],
    forbidden: OUTSIDE_MEDIA,
    message: 'media/ and exporter/ know each other only by shared/',
  },
  {
    files: ['exporter/**/*.ts'],
    forbidden: [...OUTSIDE_EXPORTER, ...PLAYER],
    message:
      'media/ and exporter/ know each other only by shared/; only the player ' +
      'process loads node-datachannel',
  },
  {
    files: ['exporter/probe/*.ts'],
    forbidden: [...OUTSIDE_PROBE, ...PLAYER],
    message:
      'exporter/probe imports no other folder of exporter/; only the player ' +
      'process loads node-datachannel',
  },
  {
    files: ['exporter/probe/{player-main,player,play,peer}.ts'],
    forbidden: OUTSIDE_PROBE,
    message: 'exporter/probe imports no other folder of exporter/',
  },
  ...mediaWalls,
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
    files: ['**/*.ts', 'deploy/**/*.mjs', 'media/web/static/**/*.js'],
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
    files: ['media/web/static/**/*.js'],
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
  {
    files: ['media/*/**/*.ts'],
    ignores: ['media/engine/*.ts', 'media/test/**'],
    rules: {
      '@typescript-eslint/no-restricted-imports': [
        'error',
        {
          paths: [
            {
              name: 'mediasoup',
              message: 'only media/engine imports mediasoup as a value',
              allowTypeImports: true,
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
