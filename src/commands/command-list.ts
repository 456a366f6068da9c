import { archive } from './archive.ts'
import { audit } from './audit.ts'
import type { Command } from './command.ts'
import { config } from './config.ts'
import { describe } from './describe.ts'
import { doctor } from './doctor.ts'
import { feedback } from './feedback.ts'
import { forget } from './forget.ts'
import { get } from './get.ts'
import { helpFor } from './help.ts'
import { history } from './history.ts'
import { invite } from './invite.ts'
import { join } from './join.ts'
import { keep } from './keep.ts'
import { leave } from './leave.ts'
import { list } from './list.ts'
import { members } from './members.ts'
import { peers } from './peers.ts'
import { ping } from './ping.ts'
import { privacy } from './privacy.ts'
import { setup } from './setup.ts'
import { share } from './share.ts'
import { status } from './status.ts'
import { sync } from './sync.ts'
import { task } from './task.ts'
import { token } from './token.ts'

const help = helpFor(() => commandList)

/** Every command there is, in the order in which help lists them. Apps derive their surface from this table. */
export const commandList: readonly Command[] = [
  share,
  get,
  list,
  describe,
  keep,
  forget,
  status,
  peers,
  sync,
  invite,
  join,
  members,
  leave,
  token,
  doctor,
  setup,
  config,
  history,
  audit,
  archive,
  task,
  privacy,
  feedback,
  ping,
  help,
] as unknown as readonly Command[]
