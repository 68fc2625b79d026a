type Method = (this: unknown[], ...values: never[]) => unknown

/** Counts what is passed over or moved by what JavaScript brings along: entries of maps, elements of arrays. */
export function stepsOf(run: () => unknown): number {
  let steps = 0
  const undo: (() => void)[] = []
  const replace = (of: object, name: string, by: (before: Method) => Method): void => {
    const methods = of as Record<string, Method>
    const before = methods[name] as Method
    methods[name] = by(before)
    undo.push(() => (methods[name] = before))
  }
  const asking = (before: Method): Method =>
    function (this: unknown[], ask) {
      const counted = (...values: never[]) => {
        steps++
        return (ask as (...values: never[]) => unknown)(...values)
      }
      return Reflect.apply(before, this, [counted]) as unknown
    }
  replace(Array.prototype, 'findIndex', asking)
  replace(Array.prototype, 'findLastIndex', asking)
  replace(Array.prototype, 'slice', (before) => {
    return function (this: unknown[], ...values) {
      const copy = Reflect.apply(before, this, values) as unknown[]
      steps += copy.length
      return copy
    }
  })
  replace(Array.prototype, 'splice', (before) => {
    return function (this: unknown[], ...values) {
      steps += this.length - Number(values[0])
      return Reflect.apply(before, this, values)
    }
  })
  replace(Array.prototype, 'sort', (before) => {
    return function (this: unknown[], ...values) {
      steps += this.length
      return Reflect.apply(before, this, values)
    }
  })
  replace(Object.getPrototypeOf(new Map().values()) as object, 'next', (before) => {
    return function (this: unknown[]) {
      steps++
      return Reflect.apply(before, this, [])
    }
  })
  try {
    run()
  } finally {
    for (const step of undo) step()
  }
  return steps
}
