import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as sdk from '@aws-sdk/client-sqs'
import { ACTIONS, isAction, type Shape, type Structure } from '../../../src/protocols/sqs/model.ts'

/** How the SDK's own package writes a model down: [kind, namespace, name, traits, member names, member types, how many of them are required]. */
type Struct = [kind: 3, space: string, name: string, traits: unknown, names: string[], types: Type[], required?: number]
type Operation = [kind: 9, space: string, name: string, traits: unknown, input: () => Struct, output: () => Struct]
type Type = number | (() => unknown) | unknown[]

const KINDS: Record<number, Shape['is']> = {
  0: 'string',
  1: 'integer',
  2: 'boolean',
  4: 'integer',
  21: 'blob',
  64: 'list',
}

/** Lists whose elements are called otherwise in the Query form: by the model's name, too, they are taken, as those of an older list. */
const OTHERWISE: ReadonlyMap<string, string> = new Map([
  ['ReceiveMessageRequest.MessageSystemAttributeNames', 'MessageSystemAttributeName'],
])

const operations = (Object.values(sdk) as unknown[]).filter(
  (one): one is Operation => Array.isArray(one) && one[0] === 9,
)

test('the actions are those of the published model', () => {
  assert.deepEqual(operations.map((operation) => operation[2]).sort(), Object.keys(ACTIONS).sort())
})

for (const [, , name, , input, output] of operations) {
  if (!isAction(name)) continue
  test(`${name} takes and answers what the published model says`, () => {
    compare(ACTIONS[name].in, input(), true)
    const answered = output()
    if (Array.isArray(answered) && answered[0] === 3) compare(ACTIONS[name].out, answered, false)
  })
}

function compare(ours: Structure, theirs: Struct, required: boolean): void {
  const [, , name, , names, types, first = 0] = theirs
  assert.deepEqual(Object.keys(ours.members).sort(), [...names].sort(), name)
  for (const [i, member] of names.entries()) {
    const shape = ours.members[member] as Shape
    const type = types[i] as Type
    const where = `${name}.${member}`
    if (required) assert.equal(shape.required ?? false, i < first, `${where} is required`)
    const kind = kindOf(type)
    if (kind !== undefined) assert.equal(shape.is, kind, where)
    const query = queryNameOf(type)
    if (query !== undefined && (shape.is === 'list' || shape.is === 'map'))
      assert.equal(shape.query, OTHERWISE.get(where) ?? query, where)
    const element = elementOf(type)
    if (element && shape.is === 'list' && shape.of.is === 'structure') compare(shape.of, element, required)
  }
}

/** What a member is: a simple type by its number, or a list, a map or a structure behind a function. */
function kindOf(type: Type): Shape['is'] | undefined {
  if (typeof type === 'number') return KINDS[type & ~0x40] ?? KINDS[type]
  const target = targetOf(type)
  if (typeof target === 'number') return target & 64 ? 'list' : target & 128 ? 'map' : KINDS[target]
  if (!Array.isArray(target)) return undefined
  return target[0] === 1 ? 'list' : target[0] === 2 ? 'map' : target[0] === 3 ? 'structure' : undefined
}

function targetOf(type: Type): unknown {
  const target = Array.isArray(type) ? type[0] : type
  return typeof target === 'function' ? (target as () => unknown)() : target
}

/** The name of one element in the Query form: the trait xmlName of a flattened list. */
function queryNameOf(type: Type): string | undefined {
  const traits = Array.isArray(type) ? (type[1] as Record<string, unknown> | undefined) : undefined
  return typeof traits?.['xmlName'] === 'string' ? traits['xmlName'] : undefined
}

function elementOf(type: Type): Struct | undefined {
  const list = targetOf(type)
  if (!Array.isArray(list) || list[0] !== 1) return undefined
  const element: unknown = targetOf(list[4] as Type)
  return Array.isArray(element) && element[0] === 3 ? (element as Struct) : undefined
}
