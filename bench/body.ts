/** What every job of the benchmarks carries: 92 bytes of JSON. */
export const BODY = Buffer.from(
  '{"job":"sendMail","args":{"mail_type":"welcome","mail_to":"someone@example.com","n":123456}}',
)
