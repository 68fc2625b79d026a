const bytes = process.env['QUEUEUP_BENCH_BODY']

/** What every job of the benchmarks carries: 92 bytes of JSON, or a text of as many bytes as QUEUEUP_BENCH_BODY says. */
export const BODY = bytes
  ? Buffer.alloc(Number(bytes), 'A text of some length. ')
  : Buffer.from('{"job":"sendMail","args":{"mail_type":"welcome","mail_to":"someone@example.com","n":123456}}')
