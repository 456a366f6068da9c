import type { View } from '../answers/view.ts'
import { contentButtons, describeView, listView, shareView } from './content-views.ts'
import { doctorView, peersView, pingView, statusView, syncView } from './node-views.ts'
import { historyView, inviteView, privacyView } from './person-views.ts'
import { plainDataView } from './plain-data-view.ts'
import type { ViewContext } from './view-context.ts'
import { archiveView, taskView } from './work-views.ts'

type Make = (context: ViewContext, result: never, input: Readonly<Record<string, unknown>>) => View

/** The face of each command's result. */
const VIEWS: Readonly<Record<string, Make>> = {
  share: shareView,
  list: (context, result, { name, mine, offset }) =>
    listView(context, result, {
      offset: Number(offset ?? 0),
      name: String(name ?? ''),
      mine: mine === true,
    }),
  describe: describeView,
  keep: (context, { id }: { id: string }) => ({
    kind: 'card',
    tone: 'good',
    text: context.say('keep.done'),
    controls: [contentButtons(context, id).slice(0, 2)],
  }),
  forget: ({ say }, result: { forgotten: boolean; removedFromList: boolean }) => ({
    kind: 'note',
    tone: 'good',
    text: [
      say(result.forgotten ? 'forget.done' : 'forget.notKept'),
      result.removedFromList ? say('forget.offList') : '',
    ]
      .join(' ')
      .trim(),
  }),
  ping: (context, result, { peer }) =>
    pingView(context, result, peer === undefined ? undefined : String(peer)),
  status: statusView,
  peers: peersView,
  sync: syncView,
  doctor: (context, result) => doctorView(context, result),
  history: (context, result) => historyView(context, result),
  privacy: privacyView,
  invite: inviteView,
  task: (context, result) => taskView(context, result),
  archive: (context, result) => archiveView(context, result),
  feedback: ({ say }) => ({ kind: 'note', tone: 'good', text: say('feedback.thanks'), confidential: true }),
}

/** A command's result for people. */
export function viewOfResult(
  context: ViewContext,
  command: string,
  result: unknown,
  input: Readonly<Record<string, unknown>>,
): View {
  const make = Object.hasOwn(VIEWS, command) ? VIEWS[command] : undefined
  if (make === undefined) {
    const action = typeof input.action === 'string' ? ` ${input.action}` : ''
    return plainDataView(context, `/${command}${action}`, result)
  }
  return make(context, result as never, input)
}
