/**
 * Where Queueup answers otherwise than beanstalkd 1.12, on purpose, and why. docs/beanstalkd.md tells users the same.
 * `like`: makes the two replies to a line alike where this difference is the only one.
 */
export interface Difference {
  what: string
  why: string
  like?: (reply: string, line: string) => string
}

export const differences: Difference[] = [
  {
    what: 'A job is ready again when its time to run is over, always.',
    why: 'beanstalkd 1.12 forgets the deadline when it looks in the very microsecond of it, about one time in three on an idle server: the job stays reserved until its connection says something.',
  },
  {
    what: '`reserve-with-timeout` of a number that is negative or above 2147483647 is BAD_FORMAT, as in 1.13.',
    why: 'beanstalkd 1.12 waits for ever for -1 and for 2147483648 to 4294967295, and not at all for 4294967296.',
  },
  {
    what: 'A line that has a carriage return before its end, or one of 225 bytes with its end (449, 673, ...), is answered.',
    why: 'beanstalkd 1.12 misses the end of such a line and takes the next one, whatever it is, for its rest.',
  },
  {
    what: '`pause-tube TUBE 0` ends the pause at once.',
    why: 'beanstalkd ends it a nanosecond later: whether the next command of a pipeline still sees the pause is chance.',
  },
  {
    what: 'The order of list-tubes is that of the queues in the store, then of those that are only used or watched.',
    why: "beanstalkd's order is that of its memory. Clients take it for a set.",
    like: (reply, line) => (line.includes('list-tubes\r') ? reply.split('\n').sort().join('\n') : reply),
  },
  {
    what: "A tube's name is quoted in statistics where YAML would read something else than a text without it.",
    why: '1.12 never quotes it, 1.13 always; clients that split lines want none, those that read YAML need some.',
    like: (reply) => reply.replace(/^(tube|name): "(.*)"$/m, '$1: $2'),
  },
  {
    what: 'A put that is refused takes no id.',
    why: 'beanstalkd gives one to the job before it looks at what follows its body.',
  },
  {
    what: 'A tube that is empty and that nobody uses or watches keeps its counters, and a pause, for about a minute.',
    why: 'The queue is a row of the store, which is not written again for each job that comes alone.',
  },
  {
    what: 'Of several jobs that come back at once, a connection that waits gets the most urgent.',
    why: 'beanstalkd gives it the first of them that it comes to.',
  },
  {
    what: '`binlog-max-size` is 0, and the version, hostname, os and platform are those of this server.',
    why: 'There is no binlog.',
  },
  {
    what: 'Of several connections that wait for a job, the one that has waited longest gets it.',
    why: "beanstalkd's order changes with each connection that stops waiting.",
  },
  {
    what: 'Delays are kept in milliseconds: of two jobs that are due in the same one, the older comes first.',
    why: "beanstalkd's nanoseconds tell them apart: `peek-delayed`, and a `kick` of delayed jobs, may take the other first.",
  },
]
