import { defineJobs, Discard, job, RetryLater, type Handlers } from '../../src/index.ts'

export interface Mail {
  mail_type: 'welcome' | 'bill'
  mail_to: string
}

export const jobs = defineJobs({
  sendMail: job<Mail, { messageId: string }>({ retries: 2, backoff: '10s', result: true }),
  count: job<{ to: number }, number>(),
  nightly: job(),
})

export const handlers = {
  sendMail: async ({ args, id }, ctx) => {
    ctx.log(`attempt ${ctx.attempt} at ${args.mail_to}`)
    ctx.progress(0.5)
    if (args.mail_to === 'down') throw new Error('connection refused')
    if (args.mail_to === 'gone') throw new Discard('no such address')
    if (args.mail_to === 'busy') throw new RetryLater('1m')
    await ctx.put('count', { to: 0 })
    ctx.progress(1)
    return { messageId: id }
  },
  count: async ({ args }, ctx) => {
    if (args.to > 0) await ctx.put('count', { to: args.to - 1 })
    return args.to
  },
} satisfies Handlers<typeof jobs>

export const welcome = (mail_to: string): Mail => ({ mail_type: 'welcome', mail_to })
