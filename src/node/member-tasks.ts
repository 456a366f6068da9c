import { createTasks } from '../compute/create-tasks.ts'
import { createRunners } from '../compute/kinds/create-runners.ts'
import { MachineLoad } from '../compute/machine-load.ts'
import { TASK_KINDS, type Tasks } from '../compute/task.ts'
import type { Reputation } from '../network/reputation.ts'
import type { NodeConfig } from './config-schema.ts'
import type { Services } from './services.ts'

/** What tasks need of a node. */
export type MemberTasksParts = Pick<
  Services,
  | 'key'
  | 'index'
  | 'network'
  | 'records'
  | 'community'
  | 'content'
  | 'chunks'
  | 'clock'
  | 'random'
  | 'log'
  | 'metrics'
> & { reputation: Reputation }

/** Tasks that members do for each other, as the settings of this node allow. */
export function openTasks(parts: MemberTasksParts, config: NodeConfig): Tasks {
  const { metrics, clock } = parts
  const load = new MachineLoad(clock)
  const tasks = createTasks(
    { ...parts, runners: createRunners(parts), machineLoad: () => load.percent() },
    {
      slots: config.tasksAtOnce,
      kinds: TASK_KINDS.filter((kind) => config.taskKinds.includes(kind)),
      cpuShare: config.tasksCpuPercent / 100,
    },
  )
  metrics.gauge('kizuna_tasks_open', 'tasks asked for here that have not ended', () => tasks.counts().open)
  metrics.gauge('kizuna_tasks_doing', 'tasks being done here for members', () => tasks.counts().doing)
  return tasks
}
