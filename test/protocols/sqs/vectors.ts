/**
 * AWS's published test suite of Signature Version 4: what is signed, and the signature that must come out, with the key AKIDEXAMPLE at 2015-08-30 12:36:00 for
 * us-east-1 and a service named `service`. Paths that aren't percent-encoded never come over a wire to us, and are left out.
 */
export interface Vector {
  name: string
  method: string
  url: string
  headers: readonly [string, string][]
  signed: string
  signature: string
  body?: string
}

export const EXAMPLE = {
  id: 'AKIDEXAMPLE',
  secret: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
  date: '20150830T123600Z',
  now: Date.UTC(2015, 7, 30, 12, 36, 0),
  region: 'us-east-1',
  service: 'service',
  host: 'example.amazonaws.com',
}

const get = (name: string, url: string, signature: string, headers: [string, string][] = []): Vector => ({
  name,
  method: 'GET',
  url,
  headers,
  signed: ['host', 'x-amz-date', ...new Set(headers.map(([name]) => name.toLowerCase()))].sort().join(';'),
  signature,
})

const UNRESERVED = '-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const VANILLA = '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31'

export const vectors: readonly Vector[] = [
  get('get-vanilla', '/', VANILLA),
  get('get-relative-relative-normalized', '/example1/example2/../..', VANILLA),
  get('get-slashes-normalized', '//example//', '9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84'),
  get(
    'get-slash-pointless-dot-normalized',
    '/./example',
    'ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5',
  ),
  get('get-unreserved', `/${UNRESERVED}`, '07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f'),
  get(
    'get-vanilla-query-unreserved',
    `/?${UNRESERVED}=${UNRESERVED}`,
    '9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197',
  ),
  get(
    'get-vanilla-empty-query-key',
    '/?Param1=value1',
    'a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb',
  ),
  get(
    'get-vanilla-query-order-key-case',
    '/?Param2=value2&Param1=value1',
    'b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500',
  ),
  get(
    'get-vanilla-query-order-encoded',
    '/?Param-3=Value3&Param=Value2&%E1%88%B4=Value1',
    '371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac',
  ),
  get('get-vanilla-utf8-query', '/?%E1%88%B4=bar', '2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04'),
  get('get-header-value-trim', '/', 'acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736', [
    ['My-Header1', ' value1'],
    ['My-Header2', ' "a   b   c"'],
  ]),
  get('get-header-key-duplicate', '/', 'c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea', [
    ['My-Header1', 'value2'],
    ['My-Header1', 'value2'],
    ['My-Header1', 'value1'],
  ]),
  get('get-header-value-order', '/', '08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01', [
    ['My-Header1', 'value4'],
    ['My-Header1', 'value1'],
    ['My-Header1', 'value3'],
    ['My-Header1', 'value2'],
  ]),
  get('get-vanilla-with-session-token', '/', '07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8', [
    ['X-Amz-Security-Token', '6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267'],
  ]),
  {
    name: 'post-x-www-form-urlencoded',
    method: 'POST',
    url: '/',
    headers: [
      ['Content-Type', 'application/x-www-form-urlencoded'],
      ['Content-Length', '13'],
      ['x-amz-content-sha256', '9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e'],
    ],
    signed: 'content-length;content-type;host;x-amz-content-sha256;x-amz-date',
    signature: 'd3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b',
    body: 'Param1=value1',
  },
]

/** Signed in the query, for an hour. */
export const presigned: readonly { name: string; query: string; signature: string }[] = [
  {
    name: 'get-vanilla-query-order-key-case',
    query: 'Param2=value2&Param1=value1',
    signature: '86012e2c9ad4d77369f5d81c11f75158aae4f895a085212cc6d3f923d300bed5',
  },
  {
    name: 'get-vanilla-utf8-query',
    query: '%E1%88%B4=bar',
    signature: '0bdd809b1519ac4f0c1dc3540e2cc46bd0c7f778eda408b2ebf3b913d21ff600',
  },
]
