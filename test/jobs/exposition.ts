/** A strict reader of Prometheus' text format 0.0.4: throws where a line isn't as the format says, and where a family isn't whole. */
export interface Family {
  type: string
  help: string
  samples: { name: string; labels: Record<string, string>; value: number }[]
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*'
const SUFFIXES = { counter: [''], gauge: [''], histogram: ['_bucket', '_sum', '_count'] }

export function parseExposition(text: string): Map<string, Family> {
  if (!text.endsWith('\n')) throw new Error('the last line has no end')
  const families = new Map<string, Family>()
  let helped: [string, string] | undefined
  let current: [string, Family] | undefined
  for (const line of text.slice(0, -1).split('\n')) {
    const help = new RegExp(`^# HELP (${NAME}) (.+)$`).exec(line)
    const type = new RegExp(`^# TYPE (${NAME}) (counter|gauge|histogram)$`).exec(line)
    if (help) helped = [help[1] as string, help[2] as string]
    else if (type) {
      const [, name = '', kind = ''] = type
      if (helped?.[0] !== name) throw new Error(`${name} has no help`)
      if (families.has(name)) throw new Error(`${name} is there twice`)
      current = [name, { type: kind, help: helped[1], samples: [] }]
      families.set(...current)
    } else {
      const sample = sampleOf(line)
      if (!current) throw new Error(`no family for: ${line}`)
      const [name, family] = current
      const suffix = sample.name.slice(name.length)
      if (!sample.name.startsWith(name) || !SUFFIXES[family.type as keyof typeof SUFFIXES].includes(suffix))
        throw new Error(`not of ${name}: ${line}`)
      const key = JSON.stringify([sample.name, Object.entries(sample.labels).sort()])
      if (family.samples.some((one) => JSON.stringify([one.name, Object.entries(one.labels).sort()]) === key))
        throw new Error(`twice: ${line}`)
      family.samples.push(sample)
    }
  }
  for (const [name, family] of families) {
    if (family.samples.length === 0) throw new Error(`${name} has no sample`)
    if (family.type === 'histogram') checkHistogram(name, family)
  }
  return families
}

function sampleOf(line: string): Family['samples'][number] {
  const match = new RegExp(`^(${NAME})(?:\\{(.*)\\})? (-?\\d+(?:\\.\\d+)?(?:e[+-]?\\d+)?|[+-]Inf|NaN)$`).exec(line)
  if (!match) throw new Error(`no sample: ${line}`)
  const [, name = '', inside = '', value = ''] = match
  const labels: Record<string, string> = {}
  let rest = inside
  while (rest !== '') {
    const label = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(,|$)/.exec(rest)
    if (!label) throw new Error(`no label: ${rest}`)
    const [whole, key = '', text = ''] = label
    if (key in labels) throw new Error(`twice: ${key}`)
    labels[key] = text.replaceAll(/\\(.)/g, (_, one: string) => (one === 'n' ? '\n' : one))
    rest = rest.slice(whole.length)
  }
  return { name, labels, value: Number(value.replace('Inf', 'Infinity')) }
}

function checkHistogram(name: string, { samples }: Family): void {
  const series = new Map<string, Family['samples']>()
  for (const sample of samples) {
    const key = JSON.stringify(Object.entries(sample.labels).filter(([label]) => label !== 'le'))
    series.set(key, [...(series.get(key) ?? []), sample])
  }
  for (const [key, all] of series) {
    const buckets = all.filter((one) => one.name === `${name}_bucket`)
    const bounds = buckets.map((one) => Number(one.labels['le']?.replace('Inf', 'Infinity')))
    const counts = buckets.map((one) => one.value)
    const grows = (numbers: number[], atLeast: 0 | 1) =>
      numbers.every((one, i) => i === 0 || one - (numbers[i - 1] as number) >= atLeast * Number.MIN_VALUE)
    if (bounds.at(-1) !== Infinity || !grows(bounds, 1) || !grows(counts, 0)) throw new Error(`buckets of ${key}`)
    const count = all.filter((one) => one.name === `${name}_count`)
    if (count.length !== 1 || count[0]?.value !== counts.at(-1)) throw new Error(`the count of ${key}`)
    if (all.filter((one) => one.name === `${name}_sum`).length !== 1) throw new Error(`the sum of ${key}`)
  }
}
