import { expect, test } from 'vitest'
import { judge } from './verdict.ts'

const text = 'name: birds\nkind: rest\nurl: x\n'

test('faults are shown at their lines, by path or as the reader says it', () => {
  const verdict = judge(text, { valid: false, errors: [{ path: '/url', message: 'is none' }, { path: '', message: 'yaml: line 2: what is this' }, { path: '/nowhere', message: 'odd' }] }, '')
  expect([verdict.state, verdict.faults.map((f) => f.line)]).toEqual(['bad', [3, 2, 0]])
})

test('a source that is edited keeps its name', () => {
  const renamed = judge(text, { valid: true, name: 'birds', errors: [] }, 'fish')
  expect([renamed.state, renamed.faults[0]?.line, renamed.faults[0]?.message]).toEqual(['bad', 1, 'must stay fish: under another name it is another source'])
  expect(judge(text, { valid: true, name: 'birds', errors: [] }, 'birds').state).toBe('good')
})

test('a new one that has the name of another is good, and said to exist', () => {
  expect(judge(text, { valid: true, name: 'birds', exists: true, errors: [] }, '')).toMatchObject({ state: 'good', name: 'birds', exists: true, faults: [] })
})
