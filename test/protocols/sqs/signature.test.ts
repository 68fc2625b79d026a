import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import { Signatures, type SignedRequest } from '../../../src/protocols/sqs/signature.ts'
import { openKept, type Kept } from '../../access/kept.ts'
import { check } from '../../model/seeds.ts'
import { SqsError } from '../../../src/protocols/sqs/sqs-error.ts'
import { dated, HOST, presign, sign, unlimited, type Signer, type Unsigned } from './signer.ts'
import { EXAMPLE, presigned, vectors } from './vectors.ts'

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5)
const MINUTE = 60_000
const HOUR = 60 * MINUTE

const web: Signer = { id: 'WEBKEY', secret: 'a secret of the web/app+that=signs'.replaceAll(' ', '_') }

const json: Unsigned = {
  method: 'POST',
  path: '/',
  headers: { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': 'AmazonSQS.SendMessage' },
  body: '{"QueueUrl":"http://queue.example.com:9324/000000000000/mail","MessageBody":"hello"}',
}
const query: Unsigned = {
  method: 'POST',
  path: '/000000000000/mail',
  headers: { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' },
  body: 'Action=SendMessage&MessageBody=hello+world%21&Version=2012-11-05',
}
const link: Unsigned = {
  method: 'GET',
  path: '/000000000000/mail',
  query: { Action: 'SendMessage', MessageBody: "hello world! (it's *me*)/~é", Version: '2012-11-05' },
}

describe('a signature', () => {
  let kept: Kept
  let signatures: Signatures

  before(async () => {
    kept = await openKept()
    await kept.users.add('web', ['write:mail'], web)
    await kept.users.add('example', ['all:*'], EXAMPLE)
    await kept.broker.records.refresh()
    signatures = new Signatures(kept.access, { region: 'us-east-1' })
  })
  after(() => kept.close())

  const name = (request: SignedRequest, now = NOW): string => signatures.verify(request, now).name
  const refused = (request: SignedRequest, code: string, message?: RegExp, now = NOW): void => {
    assert.throws(
      () => signatures.verify(request, now),
      (error: SqsError) => {
        assert.ok(error instanceof SqsError, String(error))
        assert.equal(error.is, code, error.message)
        if (message) assert.match(error.message, message)
        return true
      },
    )
  }

  describe("is right for AWS's published vectors", () => {
    const { id, date, now, region, service, host } = EXAMPLE
    const scope = `${id}/20150830/${region}/${service}/aws4_request`
    const verify = (request: SignedRequest): string =>
      new Signatures(kept.access, { region, service }).verify(request, now).name

    for (const { name, method, url, headers, signed, signature, body = '' } of vectors)
      test(name, () => {
        const authorization = `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=${signed}, Signature=${signature}`
        const rawHeaders = [
          ...['Host', host, 'X-Amz-Date', date],
          ...headers.flat(),
          ...['Authorization', authorization],
        ]
        assert.equal(verify({ method, url, rawHeaders, body: Buffer.from(body) }), 'example')
        assert.throws(() => verify({ method: 'PUT', url, rawHeaders, body: Buffer.from(body) }))
      })
    for (const { name, query, signature } of presigned)
      test(`${name}, presigned`, () => {
        const url =
          `/?${query}&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=${encodeURIComponent(scope)}&X-Amz-Date=${date}` +
          `&X-Amz-SignedHeaders=host&X-Amz-Expires=3600&X-Amz-Signature=${signature}`
        const rawHeaders = ['Host', host, 'X-Amz-Date', date]
        assert.equal(verify({ method: 'GET', url, rawHeaders, body: Buffer.alloc(0) }), 'example')
        assert.throws(() =>
          verify({ method: 'GET', url: url.replace('bar', 'baz'), rawHeaders: ['Host', 'x'], body: Buffer.alloc(0) }),
        )
      })
  })

  test('names who holds the key, in both wire forms and in a link', async () => {
    assert.equal(name(await sign(json, web, NOW)), 'web')
    assert.equal(name(await sign(query, web, NOW)), 'web')
    assert.equal(name(await presign(link, web, NOW, 60)), 'web')
    assert.equal(signatures.verify(await sign(json, web, NOW), NOW).key, web.id)
  })

  test('is refused when any part of the request is another', async () => {
    for (const [form, made] of [
      ['json', await sign(json, web, NOW)],
      ['query', await sign(query, web, NOW)],
      ['link', await presign(link, web, NOW, 60)],
    ] as const) {
      const changes: Record<string, SignedRequest> = {
        method: { ...made, method: 'PUT' },
        path: { ...made, url: made.url.replace(/^\/(000000000000\/mail)?/, '/000000000000/other') },
        'a parameter more': { ...made, url: `${made.url}${made.url.includes('?') ? '&' : '?'}DelaySeconds=1` },
        body: { ...made, body: Buffer.from(`${Buffer.from(made.body).toString()} `) },
        host: { ...made, rawHeaders: made.rawHeaders.map((one) => (one === HOST ? 'other.example.com' : one)) },
      }
      for (const [part, changed] of Object.entries(changes))
        assert.throws(() => signatures.verify(changed, NOW), SqsError, `${form}: ${part}`)
    }
    const made = await sign(json, web, NOW)
    for (const [i, text] of made.rawHeaders.entries()) {
      if (i % 2 === 0) continue
      const rawHeaders = made.rawHeaders.with(i, text.replace(/[a-z0-9](?=[^a-z0-9]*$)/, 'Q'))
      assert.throws(() => signatures.verify({ ...made, rawHeaders }, NOW), SqsError, made.rawHeaders[i - 1])
    }
  })

  test('is missing', () => {
    refused(
      { method: 'POST', url: '/', rawHeaders: ['Host', HOST], body: Buffer.from('x') },
      'MissingAuthenticationToken',
    )
  })

  test('of a key that is not there, disabled, removed, or of another secret', async () => {
    const request = await sign(json, { ...web, id: 'NOSUCHKEY' }, NOW)
    refused(request, 'InvalidClientTokenId')
    refused(await sign(json, { ...web, secret: 'another secret' }, NOW), 'SignatureDoesNotMatch')

    const good = await sign(json, web, NOW)
    await kept.users.disableKey('web', web.id, true)
    await kept.broker.records.refresh()
    refused(good, 'InvalidClientTokenId')
    await kept.users.disableKey('web', web.id, false)
    await kept.broker.records.refresh()
    assert.equal(name(good), 'web')
  })

  test('made with the old secret of an id is refused at once when the id has a new one', async () => {
    const old: Signer = { id: 'REUSED', secret: 'the first secret'.replaceAll(' ', '_') }
    await kept.users.add('reused', ['all:*'], old)
    await kept.broker.records.refresh()
    const request = await sign(json, old, NOW)
    assert.equal(name(request), 'reused')
    await kept.users.remove('reused')
    await kept.users.add('reused', ['all:*'], { ...old, secret: 'the_second_secret' })
    await kept.broker.records.refresh()
    refused(request, 'SignatureDoesNotMatch')
  })

  test('is of its time: a quarter of an hour to either side', async () => {
    const request = await sign(json, web, NOW)
    for (const at of [NOW - 15 * MINUTE, NOW + 15 * MINUTE]) assert.equal(name(request, at), 'web')
    refused(
      request,
      'SignatureDoesNotMatch',
      /^Signature expired: 20260102T030405Z is now earlier than 20260102T030406Z \(20260102T031906Z - 15 min\.\)$/,
      NOW + 15 * MINUTE + 1000,
    )
    refused(request, 'SignatureDoesNotMatch', /^Signature not yet current/, NOW - 15 * MINUTE - 1000)
  })

  test('of a link is of its time: as long as it says, a week at most', async () => {
    const request = await presign(link, web, NOW, 24 * 3600)
    assert.equal(name(request, NOW + 24 * HOUR), 'web')
    refused(request, 'RequestExpired', undefined, NOW + 24 * HOUR + 1000)
    refused(request, 'SignatureDoesNotMatch', /not yet current/, NOW - HOUR)
    for (const expires of ['0', '604801', '-1', '1e5', 'NaN', '9223372036854775808', ''])
      refused(
        { ...request, url: request.url.replace(/X-Amz-Expires=\d+/, `X-Amz-Expires=${expires}`) },
        'IncompleteSignature',
        /X-Amz-Expires/,
      )
    // A longer time than was signed.
    refused({ ...request, url: request.url.replace('Expires=86400', 'Expires=604800') }, 'SignatureDoesNotMatch')
  })

  test('of a link that does not say how long is of its time like any other', () => {
    const request = unlimited('/000000000000/mail', 'Action=SendMessage&MessageBody=hello', web, NOW)
    for (const at of [NOW - 15 * MINUTE, NOW + 15 * MINUTE]) assert.equal(name(request, at), 'web')
    refused(request, 'SignatureDoesNotMatch', /^Signature expired/, NOW + 15 * MINUTE + 1000)
    refused({ ...request, url: `${request.url}&X-Amz-Expires=86400` }, 'SignatureDoesNotMatch')
  })

  test('is for this service, this region, this day', async () => {
    refused(
      await sign(json, { ...web, region: 'eu-west-1' }, NOW),
      'SignatureDoesNotMatch',
      /valid region: 'us-east-1'/,
    )
    refused(await sign(json, { ...web, service: 's3' }, NOW), 'SignatureDoesNotMatch', /correct service: 'sqs'/)
    const request = await sign(json, web, NOW)
    const change = (from: string, to: string): SignedRequest => ({
      ...request,
      rawHeaders: request.rawHeaders.map((one) => one.replace(from, to)),
    })
    refused(change('/20260102/', '/20260103/'), 'SignatureDoesNotMatch', /Date in Credential scope/)
    refused(change('/aws4_request', '/aws5_request'), 'SignatureDoesNotMatch', /terminator/)
  })

  test('covers the host, the date and the target', async () => {
    const request = await sign(json, web, NOW)
    for (const header of ['host', 'x-amz-date', 'x-amz-target']) {
      const rawHeaders = request.rawHeaders.map((one) =>
        one.replace(/SignedHeaders=([^,]*)/, (_, names: string) => {
          const left = names.split(';').filter((name) => name !== header)
          return `SignedHeaders=${left.join(';')}`
        }),
      )
      refused({ ...request, rawHeaders }, 'SignatureDoesNotMatch', new RegExp(`'${header}' must be a 'SignedHeader'`))
    }
    // A target that was added to a request in which none was signed.
    const form = await sign(query, web, NOW)
    refused(
      { ...form, rawHeaders: [...form.rawHeaders, 'X-Amz-Target', 'AmazonSQS.DeleteQueue'] },
      'SignatureDoesNotMatch',
    )
  })

  test('may be dated by the header Date, as HTTP or as AWS writes it', () => {
    for (const date of ['Fri, 02 Jan 2026 03:04:05 GMT', '20260102T030405Z']) {
      assert.equal(name(dated(json, web, date)), 'web')
      refused(dated(json, web, date), 'SignatureDoesNotMatch', /expired/, NOW + 16 * MINUTE)
      refused(dated(json, web, date, { leave: 'date' }), 'SignatureDoesNotMatch', /'date' must be/)
      const twice = dated(json, web, date)
      refused(
        { ...twice, rawHeaders: [...twice.rawHeaders, 'Date', date] },
        'IncompleteSignature',
        /more than one date/,
      )
      // X-Amz-Date is what counts where it is there, too.
      const both = dated(json, web, date)
      const rawHeaders = [...both.rawHeaders, 'X-Amz-Date', '20260102T030405Z']
      refused({ ...both, rawHeaders }, 'SignatureDoesNotMatch', /'x-amz-date' must be/)
    }
    for (const date of ['Fri, 02 Foo 2026 03:04:05 GMT', 'Fri Jan 2 2026', '1767323045', ''])
      refused(dated(json, web, date), 'IncompleteSignature', /ISO-8601/)
  })

  test('without its body is refused', async () => {
    const unsigned = { ...json, headers: { ...json.headers, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' } }
    refused(await sign(unsigned, web, NOW), 'SignatureDoesNotMatch', /body must be signed/)
  })

  test('is refused where a header that matters comes twice, or the header and the query both sign', async () => {
    const request = await sign(json, web, NOW)
    for (const header of ['Host', 'X-Amz-Target', 'X-Amz-Date', 'Content-Type', 'Authorization'])
      refused({ ...request, rawHeaders: [...request.rawHeaders, header, 'x'] }, 'IncompleteSignature', /more than one/)
    const presigned = await presign(link, web, NOW, 60)
    refused(
      { ...presigned, rawHeaders: [...presigned.rawHeaders, 'Authorization', 'Bearer x'] },
      'IncompleteSignature',
      /one way/,
    )
  })

  test('that is no signature is incomplete, and its text is not echoed', async () => {
    const request = await sign(json, web, NOW)
    const at = request.rawHeaders.indexOf('authorization') + 1
    const good = request.rawHeaders[at] as string
    for (const bad of [
      'Basic d2ViOnNlY3JldA==',
      'Bearer %s%n<img onerror>',
      'AWS4-HMAC-SHA256',
      'AWS4-HMAC-SHA256 ',
      'AWS4-HMAC-SHA256 Credential',
      'AWS4-HMAC-SHA256 Credential=,SignedHeaders=,Signature=',
      'AWS4-ECDSA-P256-SHA256 Credential=x',
      good.replace('WEBKEY/', ''),
      good.replace('WEBKEY/', 'WEBKEY/x/'),
      good.replace(/Signature=.*/, 'Signature=abc'),
      good.replace(/Signature=.*/, `Signature=${'A'.repeat(64)}`),
      good.replace('SignedHeaders=content-type;host', 'SignedHeaders=host;content-type'),
      good.replace('SignedHeaders=content-type;host', 'SignedHeaders=Content-Type;host'),
      good.replace('SignedHeaders=host', 'SignedHeaders=host;host'),
      `${good}, Signature=${'0'.repeat(64)}`,
      `${good}0`,
      good.slice(0, -1),
      `${good}${','.repeat(9000)}`,
      good.replace('Credential', '__proto__'),
    ]) {
      if (bad === good) continue
      const changed = { ...request, rawHeaders: request.rawHeaders.with(at, bad) }
      assert.throws(
        () => signatures.verify(changed, NOW),
        (error: SqsError) => {
          assert.ok(error.is === 'IncompleteSignature', `${bad.slice(0, 80)}: ${error.is} ${error.message}`)
          assert.doesNotMatch(error.message, /img|%s|WEBKEY|d2Vi/)
          return true
        },
      )
    }
    const date = request.rawHeaders.indexOf('x-amz-date') + 1
    for (const bad of ['', 'now', '20260102', '20261302T030405Z', '2026-01-02T03:04:05Z', '99999999T999999Z'])
      refused({ ...request, rawHeaders: request.rawHeaders.with(date, bad) }, 'IncompleteSignature', /Date/)
    for (const url of ['/?a=%', '/?a=%zz', '/?%FF=x', '/é', '/?x=é', '/a b'])
      refused({ ...request, url }, 'IncompleteSignature', /percent-encoded/)
  })

  test('of any request verifies, and of that request only', async () => {
    const text = fc.string({ unit: 'binary', maxLength: 20 }).filter((one) => one.isWellFormed())
    const word = fc.stringMatching(/^[a-z][a-z0-9-]{0,10}$/)
    const value = fc.stringMatching(/^[!-~]([ -~]{0,20}[!-~])?$/)
    const request = fc.record({
      method: fc.constantFrom('GET', 'POST', 'PUT', 'DELETE'),
      path: fc
        .array(fc.oneof(fc.stringMatching(/^[A-Za-z0-9._~-]{1,10}$/), text.map(encodeURIComponent)), { maxLength: 4 })
        .map((segments) => `/${segments.filter((one) => !/^\.{0,2}$/.test(one)).join('/')}`),
      // The signer forgets to sign a parameter named __proto__.
      query: fc.dictionary(
        text.filter((name) => !/^x-amz-|^__proto__$/i.test(name)),
        text,
        { maxKeys: 4, noNullPrototype: true },
      ),
      headers: fc.dictionary(
        word.map((one) => `x-app-${one}`),
        value,
        { maxKeys: 4, noNullPrototype: true },
      ),
      body: text,
    })
    const flip = fc.record({ of: fc.constantFrom('method', 'url', 'header', 'body'), at: fc.nat() })
    await check(
      'signatures',
      fc.asyncProperty(request, fc.boolean(), flip, async (unsigned, asLink, { of, at }) => {
        const made = asLink ? await presign(unsigned, web, NOW, 60) : await sign(unsigned, web, NOW)
        assert.equal(name(made), 'web')
        const changed = mutate(made, of, at, asLink)
        if (changed) assert.throws(() => signatures.verify(changed, NOW), SqsError)
      }),
      500,
    )
  })
})

/** One character of it is another. undefined: there is none that the signature covers. */
function mutate(made: SignedRequest, of: string, at: number, asLink: boolean): SignedRequest | undefined {
  const flip = (text: string): string => {
    const i = at % text.length
    // Not a letter that decodes to the same: %2f is %2F.
    return `${text.slice(0, i)}${text[i] === 'q' ? 'r' : 'q'}${text.slice(i + 1)}`
  }
  if (of === 'method') return { ...made, method: flip(made.method) }
  if (of === 'url') {
    const url = flip(made.url)
    return url.startsWith('/') ? { ...made, url } : undefined
  }
  if (of === 'body')
    return made.body.length === 0
      ? { ...made, body: Buffer.from('x') }
      : { ...made, body: Buffer.from(made.body).map((byte, i) => (i === at % made.body.length ? byte ^ 1 : byte)) }
  const signed = made.rawHeaders.flatMap((name, i) => (i % 2 === 0 && name !== 'authorization' ? [i + 1] : []))
  const which = signed[at % signed.length]
  if (which === undefined || (asLink && made.rawHeaders[which - 1] !== 'host')) return undefined
  return { ...made, rawHeaders: made.rawHeaders.with(which, flip(made.rawHeaders[which] as string)) }
}
