/** Milliseconds of processor time that this process has had; what else runs on the machine does not change it much. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}
