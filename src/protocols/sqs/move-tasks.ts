/** StartMessageMoveTask and its siblings: dead letters on their way back, as a task that outlives the process that runs it. */
import { randomUUID } from 'node:crypto'
import type { Host } from './host.ts'
import type { Input, Output } from './model.ts'
import { taskKey, type Task, type TaskRecord } from './mover.ts'
import { SqsError } from './sqs-error.ts'

/** Tasks of one source that are remembered. */
const KEPT = 10
const ARN = /^arn:[^:]+:[^:]+:[^:]*:[^:]*:./

export async function startMessageMoveTask(
  host: Host,
  { SourceArn, DestinationArn, MaxNumberOfMessagesPerSecond }: Input<'StartMessageMoveTask'>,
): Promise<Output<'StartMessageMoveTask'>> {
  const { queues, session, movers } = host
  const source = await sourceOf(host, SourceArn)
  const { queue, name, fifo } = await queues.named(source)
  if (queues.sourcesOf(queue).length === 0) throw wrong('Source queue must be configured as a Dead Letter Queue.')
  const task: Task = { id: randomUUID(), status: 'RUNNING', moved: 0, toMove: 0, started: queues.now() }
  if (DestinationArn !== undefined) {
    checkArn('DestinationArn', DestinationArn)
    const destination = queues.nameInArn(DestinationArn)
    const known = destination === undefined ? undefined : queues.known(destination)
    if (known?.name === name) throw wrong('Source queue arn and destination queue arn cannot be the same.')
    if (!known) throw notThere("The resource that you specified for the DestinationArn parameter doesn't exist.")
    if (known.fifo !== fifo) throw wrong('The source queue and destination queue must be of the same queue type.')
    task.to = known.queue
  }
  if (MaxNumberOfMessagesPerSecond !== undefined) task.rate = MaxNumberOfMessagesPerSecond
  const [stats] = await session.stats([queue])
  if (stats) task.toMove = stats.ready + stats.waiting + stats.delayed
  await movers.change(queue, ({ tasks }) => {
    if (tasks.some(isActive))
      throw wrong(
        'There is already a task running. Only one active task is allowed for a source queue arn at a given time.',
      )
    return { tasks: [task, ...tasks].slice(0, KEPT) }
  })
  movers.look()
  return { TaskHandle: handleOf(task, SourceArn) }
}

export async function cancelMessageMoveTask(
  host: Host,
  { TaskHandle }: Input<'CancelMessageMoveTask'>,
): Promise<Output<'CancelMessageMoveTask'>> {
  const { queues, movers } = host
  const { id, arn } = readHandle(TaskHandle)
  const source = await sourceOf(host, arn)
  let moved = 0
  let found = false
  await movers.change(queues.queueOf(source), ({ tasks }) => {
    const task = tasks.find((one) => one.id === id)
    if (!task) return undefined
    found = true
    if (task.status !== 'RUNNING') throw new SqsError('UnsupportedOperation', 'Only active tasks can be cancelled.')
    moved = task.moved
    return { tasks: tasks.map((one) => (one.id === id ? { ...one, status: 'CANCELLING' } : one)) }
  })
  if (!found) throw notThere('Task does not exist.')
  return { ApproximateNumberOfMessagesMoved: moved }
}

export async function listMessageMoveTasks(
  host: Host,
  { SourceArn, MaxResults = 1 }: Input<'ListMessageMoveTasks'>,
): Promise<Output<'ListMessageMoveTasks'>> {
  const { queues, broker } = host
  const { queue } = await queues.named(await sourceOf(host, SourceArn))
  await broker.records.refresh()
  const { tasks } = (broker.records.get(taskKey(queue))?.value ?? { tasks: [] }) as TaskRecord
  return {
    Results: tasks.slice(0, MaxResults).map((task) => {
      const to = task.to && queues.nameOf(task.to)
      return {
        ...(task.status === 'RUNNING' && { TaskHandle: handleOf(task, SourceArn) }),
        Status: task.status,
        SourceArn,
        ...(to !== undefined && { DestinationArn: queues.arnOf(to) }),
        ...(task.rate !== undefined && { MaxNumberOfMessagesPerSecond: task.rate }),
        ApproximateNumberOfMessagesMoved: task.moved,
        ApproximateNumberOfMessagesToMove: task.toMove,
        ...(task.failure !== undefined && { FailureReason: task.failure }),
        StartedTimestamp: task.started,
      }
    }),
  }
}

function isActive({ status }: Task): boolean {
  return status === 'RUNNING' || status === 'CANCELLING'
}

async function sourceOf({ queues }: Host, arn: string): Promise<string> {
  checkArn('SourceArn', arn)
  const name = queues.nameInArn(arn)
  try {
    if (name !== undefined) return (await queues.named(name)).name
  } catch (error) {
    if (!(error instanceof SqsError)) throw error
  }
  throw notThere("The resource that you specified for the SourceArn parameter doesn't exist.")
}

function handleOf({ id }: Task, sourceArn: string): string {
  return Buffer.from(JSON.stringify({ taskId: id, sourceArn })).toString('base64')
}

/** The ARN in a task's handle. @throws SqsError */
export function sourceOfHandle(handle: string): string {
  return readHandle(handle).arn
}

/** @throws SqsError */
function readHandle(handle: string): { id: string; arn: string } {
  try {
    const { taskId, sourceArn } = JSON.parse(Buffer.from(handle, 'base64').toString()) as Record<string, unknown>
    if (typeof taskId === 'string' && typeof sourceArn === 'string') return { id: taskId, arn: sourceArn }
  } catch {
    // It is none of ours.
  }
  throw wrong('Value for parameter TaskHandle is invalid.')
}

function checkArn(parameter: string, arn: string): void {
  if (!ARN.test(arn))
    throw wrong(
      `You must use this format to specify the ${parameter}: arn:<partition>:<service>:<region>:<account-id>:<resource-id>`,
    )
}

function wrong(message: string): SqsError {
  return new SqsError('InvalidParameterValue', message)
}

function notThere(message: string): SqsError {
  return new SqsError('ResourceNotFoundException', message)
}
