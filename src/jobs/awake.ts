/** Waiting alone would not keep a process alive: the timers of a clock don't. */
export async function awake<T>(wait: Promise<T>): Promise<T> {
  const alive = setInterval(() => undefined, 2 ** 30)
  try {
    return await wait
  } finally {
    clearInterval(alive)
  }
}
