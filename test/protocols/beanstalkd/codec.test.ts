import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Parser } from '../../../src/protocols/beanstalkd/codec.ts'
import type { Command } from '../../../src/protocols/beanstalkd/command.ts'
import { isTubeName } from '../../../src/protocols/beanstalkd/command-line.ts'
import { usedMemory } from '../../memory.ts'

function parse(text: string, maxJobSize = 100): Command[] {
  const parser = new Parser(maxJobSize)
  parser.push(Buffer.from(text, 'latin1'))
  return all(parser)
}

function all(parser: Parser): Command[] {
  const commands: Command[] = []
  for (;;) {
    const command = parser.next()
    if (!command) return commands
    commands.push(command)
  }
}

function one(line: string): Command {
  const commands = parse(`${line}\r\n`)
  assert.equal(commands.length, 1, line)
  return commands[0] as Command
}

/** What a line is taken for: its name and arguments, or the refusal. */
function brief(line: string): string {
  const command = one(line)
  return command.name === 'refused' ? command.reply : Object.values(command).join(' ')
}

describe('a command line', () => {
  it('is read with its numbers and names', () => {
    for (const line of [
      'reserve',
      'reserve-with-timeout 10',
      'reserve-job 7',
      'delete 7',
      'release 7 1023 4294967295',
      'bury 7 4294967295',
      'touch 7',
      'kick 10',
      'kick-job 7',
      'peek 7',
      'peek-ready',
      'peek-delayed',
      'peek-buried',
      'use a',
      'watch Az09-+/;.$_()',
      'ignore a',
      'stats',
      'stats-job 7',
      'stats-tube a',
      'list-tubes',
      'list-tube-used',
      'list-tubes-watched',
      'pause-tube a 60',
      'quit',
    ])
      assert.equal(brief(line), line)
  })

  it('is told apart by how it begins, in the order of beanstalkd', () => {
    const expected = {
      '': 'UNKNOWN_COMMAND',
      ' ': 'UNKNOWN_COMMAND',
      put: 'UNKNOWN_COMMAND',
      PEEK: 'UNKNOWN_COMMAND',
      'peek-': 'UNKNOWN_COMMAND',
      deletex: 'UNKNOWN_COMMAND',
      kick: 'UNKNOWN_COMMAND',
      'put ': 'BAD_FORMAT',
      statsX: 'BAD_FORMAT',
      'stats-job': 'BAD_FORMAT',
      reserved: 'BAD_FORMAT',
      'reserve ': 'BAD_FORMAT',
      'list-tubesx': 'BAD_FORMAT',
      'peek-readyx': 'BAD_FORMAT',
      quitX: 'quit',
      'quit now': 'quit',
    }
    for (const [line, is] of Object.entries(expected)) assert.equal(brief(line), is, line)
  })

  it('has numbers of 32 bits, ids of 64, blanks before them and nothing behind', () => {
    const expected = {
      'delete   7': 'delete 7',
      'delete 7 ': 'BAD_FORMAT',
      'delete 7x': 'BAD_FORMAT',
      'delete -7': 'BAD_FORMAT',
      'delete +7': 'BAD_FORMAT',
      'delete\t7': 'UNKNOWN_COMMAND',
      'delete ': 'BAD_FORMAT',
      // No job has such an id, but it is a number.
      'delete 9007199254740993': 'delete -1',
      'delete 18446744073709551615': 'delete -1',
      'delete 18446744073709551616': 'BAD_FORMAT',
      'delete 9999999999999999999999999999999999': 'BAD_FORMAT',
      'bury 7 4294967296': 'BAD_FORMAT',
      'bury 7': 'BAD_FORMAT',
      'release 7 1': 'BAD_FORMAT',
      'release 7 1 1 1': 'BAD_FORMAT',
      'pause-tube a': 'BAD_FORMAT',
      'pause-tube -a 1': 'BAD_FORMAT',
      [`pause-tube ${'n'.repeat(201)} 1`]: 'BAD_FORMAT',
      'pause-tube a 4294967296': 'BAD_FORMAT',
      'kick 1x': 'kick 1',
      'kick \t\n1': 'kick 1',
      'kick +1': 'kick 1',
      'kick x': 'BAD_FORMAT',
      'kick -1': 'kick 4294967295',
      'kick 4294967297': 'kick 1',
      'kick 18446744073709551616': 'BAD_FORMAT',
      'reserve-with-timeout x': 'reserve-with-timeout 0',
      'reserve-with-timeout 4294967296': 'BAD_FORMAT',
      'reserve-with-timeout 99999999999999999999': 'BAD_FORMAT',
      'reserve-with-timeout 5 seconds': 'reserve-with-timeout 5',
      'reserve-with-timeout 2147483647': 'reserve-with-timeout 2147483647',
      'reserve-with-timeout 2147483648': 'BAD_FORMAT',
      'reserve-with-timeout -1': 'BAD_FORMAT',
      'use a b': 'BAD_FORMAT',
    }
    for (const [line, is] of Object.entries(expected)) assert.equal(brief(line), is, line)
  })

  it('has no zero byte', () => {
    for (const line of ['stats\0', 'x\0', '\0', 'put 1 0 60 1\0', 'delete 1\0'])
      assert.equal(brief(line), 'BAD_FORMAT', line)
  })

  it('has at most 224 bytes with its end; the rest of a longer one is passed over', () => {
    const line = (bytes: number) => `kick 1${'x'.repeat(bytes - 8)}`
    assert.equal(brief(line(224)), 'kick 1')
    for (const bytes of [225, 226, 300, 448, 449, 673, 100_000])
      assert.deepEqual(
        parse(`${line(bytes)}\r\nquit\r\n`).map((command) =>
          command.name === 'refused' ? command.reply : command.name,
        ),
        ['BAD_FORMAT', 'quit'],
        `${bytes} bytes`,
      )
  })

  it('may have a carriage return or a line feed inside', () => {
    assert.equal(brief('use a\rb'), 'BAD_FORMAT')
    assert.equal(brief('use a\nb'), 'BAD_FORMAT')
    assert.equal(brief('x\r\r'), 'UNKNOWN_COMMAND')
  })

  it('that is too long is not kept', () => {
    const parser = new Parser(100)
    for (let n = 0; n < 1000; n++) {
      parser.push(Buffer.alloc(1000, 'x'))
      assert.equal(parser.next(), undefined)
      assert.ok(parser.buffered <= 224, `${parser.buffered} bytes`)
    }
  })
})

describe('a tube has a name', () => {
  it('of 1 to 200 bytes, not beginning with a hyphen', () => {
    for (const name of ['a', '+', '/x', ';', '.', '$', '_', '()', 'a-', 'n'.repeat(200)])
      assert.ok(isTubeName(name), name)
    for (const name of ['', '-a', 'a b', 'a:b', 'a"b', 'a#', 'é', 'a\n', 'n'.repeat(201)])
      assert.ok(!isTubeName(name), name)
  })
})

describe('a body', () => {
  const body = (text: string, size = 100) =>
    parse(text, size).map((command) =>
      command.name === 'put'
        ? Buffer.from(command.body).toString('latin1')
        : command.name === 'refused'
          ? command.reply
          : command.name,
    )

  it('is as long as its line says, whatever it has', () => {
    assert.deepEqual(body('put 1 0 60 0\r\n\r\nput 1 0 60 6\r\nquit\r\n\r\nput 1 0 60 2\r\n\0\xff\r\n'), [
      '',
      'quit\r\n',
      '\0\xff',
    ])
  })

  it('of the largest size is accepted, of one byte more it is passed over', () => {
    const put = (size: number) => `put 1 0 60 ${size}\r\n${'delete 1\r\n'.repeat(20).slice(0, size)}\r\n`
    assert.deepEqual(body(put(100) + put(101) + 'quit\r\n'), ['delete 1\r\n'.repeat(10), 'JOB_TOO_BIG', 'quit'])
    // Its size is looked at before what follows it in the line.
    assert.deepEqual(body(`put 1 0 60 101 x\r\n${'y'.repeat(101)}\r\nquit\r\n`), ['JOB_TOO_BIG', 'quit'])
  })

  it('that does not end with its line end is refused, and what follows is a command', () => {
    assert.deepEqual(body('put 1 0 60 4\r\nquit--\r\nquit\r\n'), ['EXPECTED_CRLF', 'UNKNOWN_COMMAND', 'quit'])
    // As many bytes as it would have had, and its line end, are gone: here the CR.
    assert.deepEqual(body('put 1 0 60 1\r\nab\r\nquit\r\n'), ['EXPECTED_CRLF', 'UNKNOWN_COMMAND'])
  })

  it('behind a line of a bad format is read as commands', () => {
    assert.deepEqual(body('put 1 0 60 x\r\nquit\r\n'), ['BAD_FORMAT', 'quit'])
    assert.deepEqual(body('put 1 0 60 4 \r\nquit\r\n'), ['BAD_FORMAT', 'quit'])
  })

  it('takes memory as it comes, not as it is announced', () => {
    const before = process.memoryUsage().arrayBuffers
    const parsers = Array.from({ length: 50 }, () => new Parser(2 ** 30))
    for (const parser of parsers) {
      parser.push(Buffer.from('put 1 0 60 1073741824\r\nxyz'))
      assert.equal(parser.next(), undefined)
    }
    const taken = process.memoryUsage().arrayBuffers - before
    assert.ok(taken < 50 * 200_000, `${taken} bytes`)
  })

  it('does not keep the chunk that it came in, unless it is most of that', () => {
    for (const [size, others] of [
      [100, 60_000],
      [8000, 60_000],
      [60_000, 5000],
    ] as const) {
      const parser = new Parser(60_000)
      const chunk = Buffer.allocUnsafeSlow(size + others)
      chunk.fill('y').write(`put 1 0 60 ${size}\r\n`)
      chunk.write('\r\n', `put 1 0 60 ${size}\r\n`.length + size)
      parser.push(chunk)
      const put = parser.next()
      assert.ok(put?.name === 'put')
      assert.equal(put.body.length, size)
      assert.ok(
        put.body.buffer.byteLength <= Math.max(2 * size, Buffer.poolSize),
        `${put.body.buffer.byteLength} bytes`,
      )
    }
  })

  it('that is refused is never kept', () => {
    const parser = new Parser(100)
    parser.push(Buffer.from('put 1 0 60 100000000\r\n'))
    for (let n = 0; n < 1000; n++) {
      assert.equal(parser.next(), undefined)
      assert.equal(parser.buffered, 0)
      parser.push(Buffer.alloc(100_000, 'delete 1\r\n'))
    }
    parser.push(Buffer.from('\r\nquit\r\n'))
    assert.deepEqual(
      all(parser).map((command) => (command.name === 'refused' ? command.reply : command.name)),
      ['JOB_TOO_BIG', 'quit'],
    )
  })
})

describe('what comes in pieces', () => {
  it('is read as if it came at once, whether or not each is read before the next comes', () => {
    const line = fc.oneof(
      fc
        .constantFrom(
          'reserve',
          'delete 1',
          'use a',
          'x',
          '',
          'stats\0',
          'use a\rb',
          'y'.repeat(223),
          'y'.repeat(300),
          'put 1 0 60 2',
          '\r',
          '\n',
        )
        .map((l) => `${l}\r\n`),
      fc.string({ unit: 'binary-ascii', maxLength: 300 }).map((b) => `put 1 0 60 ${b.length}\r\n${b}\r\n`),
      fc.string({ unit: 'binary-ascii', maxLength: 20 }).map((b) => `put 1 0 60 2\r\n${b}\r\n`),
      fc.integer({ min: 5000, max: 25_000 }).map((size) => `put 1 0 60 ${size}\r\n${'z'.repeat(size)}\r\n`),
    )
    fc.assert(
      fc.property(
        fc.array(line, { maxLength: 8 }),
        fc.array(
          fc.tuple(fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 300, max: 9000 })), fc.boolean()),
          {
            minLength: 1,
          },
        ),
        fc.constantFrom(200, 20_000),
        (lines, cuts, largest) => {
          const text = Buffer.from(lines.join(''), 'latin1')
          const parser = new Parser(largest)
          const commands: Command[] = []
          for (let at = 0, n = 0; at < text.length; n++) {
            const [size, read] = cuts[n % cuts.length] as [number, boolean]
            parser.push(text.subarray(at, at + size))
            if (read) commands.push(...all(parser))
            at += size
          }
          commands.push(...all(parser))
          assert.deepEqual(commands, parse(text.toString('latin1'), largest))
          assert.equal(parser.next(), undefined)
        },
      ),
      { numRuns: 500 },
    )
  })

  it('in drops is not kept as so many, while it waits to be read', () => {
    const inDrops = () => {
      const parser = new Parser(100)
      for (let n = 0; n < 60_000; n++) parser.push(Buffer.allocUnsafeSlow(1).fill('x'))
      return parser
    }
    // Once before: what is compiled for it is not measured.
    inDrops()
    const before = usedMemory()
    const parser = inDrops()
    assert.equal(parser.buffered, 60_000)
    const bytes = usedMemory() - before
    assert.ok(bytes < 1_000_000, `${bytes} bytes`)
    assert.equal(all(parser).length, 0)
  })
})
