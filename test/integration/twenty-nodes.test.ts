import { test } from 'node:test'
import { MEETING_MS_MAX, meetForTheFirstTime } from '../fixtures/first-meeting.ts'

test(
  'twenty real nodes that start at once form one mesh, and what one shares is on the list of all (fifty: npm run test:scale) [K-66]',
  {
    timeout: MEETING_MS_MAX,
  },
  () => meetForTheFirstTime({ processes: 2, nodesEach: 10 }),
)
