/** What rounds gave: their median, the least and the most. */
export interface Spread {
  median: number
  min: number
  max: number
}

/** @param values at least one */
export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b)
  return { median: quantile(sorted, 0.5), min: sorted[0] as number, max: sorted.at(-1) as number }
}

/** @param sorted at least one value, ascending */
export function quantile(sorted: readonly number[], q: number): number {
  const at = (sorted.length - 1) * q
  const below = sorted[Math.floor(at)] as number
  const above = sorted[Math.ceil(at)] as number
  return below + (above - below) * (at % 1)
}

/** Round by round, so that what the machine did meanwhile falls on both. */
export function ratios(a: readonly number[], b: readonly number[]): Spread {
  return spread(a.map((value, round) => value / (b[round] as number)))
}

/** `38.2 k (36.9-39.0)` */
export function rate({ median, min, max }: Spread): string {
  const [unit, name] = max >= 10_000 ? [1000, ' k'] : [1, '']
  return `${short(median / unit)}${name} (${short(min / unit)}-${short(max / unit)})`
}

/** `0.76 (0.71-0.80)`, with a unit behind the first. */
export function shown({ median, min, max }: Spread, unit = ''): string {
  return `${short(median)}${unit} (${short(min)}-${short(max)})`
}

/** Three digits that mean something. */
export function short(value: number): string {
  const size = Math.abs(value)
  return size >= 100
    ? value.toFixed(0)
    : size >= 10
      ? value.toFixed(1)
      : size >= 0.1 || value === 0
        ? value.toFixed(2)
        : value.toPrecision(2)
}
