/** Milliseconds of processor time that this process has had; what else runs on the machine does not change it much. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/**
 * Milliseconds of processor time that this thread has had: what something costs that does not wait, also on a machine
 * that is busy with other things.
 */
export function threadCpuMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}
