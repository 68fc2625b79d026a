import type { Call, Host } from './host.ts'
import { createQueue, deleteQueue, getQueueAttributes, getQueueUrl } from './manage.ts'
import { listDeadLetterSourceQueues, listQueues, purgeQueue, setQueueAttributes } from './manage.ts'
import type { ActionName, Input } from './model.ts'
import { cancelMessageMoveTask, listMessageMoveTasks, startMessageMoveTask } from './move-tasks.ts'
import { addPermission, removePermission } from './permissions.ts'
import { receiveMessage } from './receive.ts'
import { sendMessage, sendMessageBatch } from './send.ts'
import { changeMessageVisibility, changeMessageVisibilityBatch, deleteMessage, deleteMessageBatch } from './settle.ts'
import { listQueueTags, tagQueue, untagQueue } from './tags.ts'

type Action<A extends ActionName> = (host: Host, input: Input<A>, call: Call) => Promise<object>

/** What does each action. It throws an SqsError for what the service refuses. */
const actions: { readonly [A in ActionName]: Action<A> } = {
  AddPermission: addPermission,
  CancelMessageMoveTask: cancelMessageMoveTask,
  ChangeMessageVisibility: changeMessageVisibility,
  ChangeMessageVisibilityBatch: changeMessageVisibilityBatch,
  CreateQueue: createQueue,
  DeleteMessage: deleteMessage,
  DeleteMessageBatch: deleteMessageBatch,
  DeleteQueue: deleteQueue,
  GetQueueAttributes: getQueueAttributes,
  GetQueueUrl: getQueueUrl,
  ListDeadLetterSourceQueues: listDeadLetterSourceQueues,
  ListMessageMoveTasks: listMessageMoveTasks,
  ListQueueTags: listQueueTags,
  ListQueues: listQueues,
  PurgeQueue: purgeQueue,
  ReceiveMessage: receiveMessage,
  RemovePermission: removePermission,
  SendMessage: sendMessage,
  SendMessageBatch: sendMessageBatch,
  SetQueueAttributes: setQueueAttributes,
  StartMessageMoveTask: startMessageMoveTask,
  TagQueue: tagQueue,
  UntagQueue: untagQueue,
}

/** @param input checked against the model */
export function perform(action: ActionName, host: Host, input: object, call: Call): Promise<object> {
  return (actions[action] as Action<ActionName>)(host, input, call)
}
