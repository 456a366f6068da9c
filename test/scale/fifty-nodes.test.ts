import { test } from 'node:test'
import { MEETING_MS_MAX, meetForTheFirstTime } from '../fixtures/first-meeting.ts'

test(
  'fifty real nodes that start at once form one mesh, and what one shares is on the list of all [K-66]',
  {
    timeout: MEETING_MS_MAX,
  },
  () => meetForTheFirstTime({ processes: 5, nodesEach: 10 }),
)
