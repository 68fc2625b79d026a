// Who may import whom: docs/architecture.md explains the table.

/** Nothing of ours but each other. */
const vocabulary = '^src/(job|errors|duration|shown|why|log|clock|heap|id-map)[.]ts$'
const store = '^src/stores/store[.]ts$'
const broker = '^src/broker/'
const access = '^src/access/'
/** What all protocols have in common: where to listen, and listening. */
const listening = '^src/protocols/(address|listener)[.]ts$'
const transport = '^src/transports/transport[.]ts$'

/** [who, may import]. A folder may always import from itself; `$1` is its own folder. */
const table = [
  [vocabulary, [vocabulary]],
  [store, [vocabulary]],
  ['^src/(stores/machine)/', [vocabulary, store]],
  ['^src/(stores/(?!machine/)[^/]+)/', [vocabulary, store, '^src/stores/machine/']],
  ['^src/(access)/', [vocabulary, store]],
  ['^src/(broker)/', [vocabulary, store, access]],
  [listening, [vocabulary, listening]],
  ['^src/(protocols/[^/]+)/', [vocabulary, broker, access, store, listening]],
  [transport, [vocabulary, store]],
  ['^src/(transports/[^/]+)/', [vocabulary, transport, store]],
  ['^src/transports/broker[.]ts$', [vocabulary, transport, store, broker]],
  ['^src/(jobs)/', [vocabulary, transport]],
  ['^src/(testing)/', [vocabulary, store, '^src/transports/', '^src/jobs/', broker, '^src/stores/memory/']],
  ['^src/(local)/', []],
]

/** Packages and built-in modules that one place alone may import. */
const kept = [
  ['node:sqlite', '^(node:)?sqlite$', '^src/(stores/sqlite/|protocols/beanstalkd/binlog[.]ts)'],
  ['commander', '^node_modules/commander/', '^src/cli/'],
  ['pino', '^node_modules/pino(-pretty)?/', '^src/log[.]ts$'],
  ['OpenTelemetry', '^node_modules/@opentelemetry/', '^src/jobs/opentelemetry[.]ts$'],
]

export default {
  forbidden: [
    ...table.map(([from, to]) => ({
      name: `imports of ${from}`,
      comment: 'See "Who may import whom" in docs/architecture.md.',
      severity: 'error',
      from: { path: from },
      to: { path: '^src/', pathNot: [...to, ...(from.includes('(') && from.endsWith('/') ? ['^src/$1/'] : [])] },
    })),
    {
      name: 'contracts are imported for their types',
      comment: 'A protocol and a transport speak in the words of the store contract; they never call a store.',
      severity: 'error',
      from: { path: '^src/(protocols|transports)/' },
      to: { path: store, dependencyTypesNot: ['type-only'] },
    },
    ...kept.map(([name, path, from]) => ({
      name: `${name} has one place`,
      severity: 'error',
      from: { path: '^src/', pathNot: from },
      to: { path },
    })),
    {
      name: 'nobody needs the command line',
      severity: 'error',
      from: { path: '^src/(?!cli/)' },
      to: { path: '^src/cli/' },
    },
    {
      name: 'no circles',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    { name: 'what is imported is there', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'what is published depends on no tool',
      severity: 'error',
      from: { path: '^src/' },
      // An optional peer is there for the tests, too.
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['npm-peer'] },
    },
    {
      name: 'sources know no tests',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|bench|examples|scripts)/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['types', 'import', 'node', 'default'] },
  },
}
