import { expect, test } from 'vitest'
import { begun, replace, touched, undo } from './draft.ts'

const typed = { ...begun(''), text: 'name: mine' }

test('what was typed comes back after a template or a look took its place', () => {
  const replaced = replace(typed, 'name: template')
  expect(replaced).toMatchObject({ text: 'name: template', former: 'name: mine' })
  expect(undo(replaced)).toMatchObject({ text: 'name: mine', former: '' })
  expect(touched(undo(replaced))).toBe(true)
})

test('one template after the other keeps what was typed before both', () => {
  const twice = replace(replace(typed, 'name: a'), 'name: b')
  expect(twice).toMatchObject({ text: 'name: b', former: 'name: mine' })
  expect(touched(twice)).toBe(false)
})

test('a look that fails leaves nothing that could be registered, and what was typed can be had again', () => {
  expect(replace(replace(begun(''), 'name: guessed'), '')).toMatchObject({ text: '', former: '' })
  expect(replace(typed, '')).toMatchObject({ text: '', former: 'name: mine' })
})

test('what nobody changed is not worth a question', () => {
  expect(touched(begun('name: a'))).toBe(false)
  expect(touched({ ...begun('name: a'), text: '  \n' })).toBe(false)
  expect(touched({ ...begun('name: a'), text: 'name: b' })).toBe(true)
})
