/** Loaded before each test file (scripts/test.ts): a file that doesn't come to its end in time fails, and says what kept it. */
const { QUEUEUP_TEST_TIMEOUT: limit } = process.env

setTimeout(() => {
  console.error(`Still running after ${limit} ms: ${process.getActiveResourcesInfo().join(', ')}`)
  process.exit(1)
}, Number(limit)).unref()
