import { expect, test } from 'vitest'
import { Api, Problem } from './api.ts'

function faked(answers: (Response | Error)[]) {
  const calls: { url: string; init: RequestInit }[] = []
  const api = new Api(
    () => 'http://a:1',
    (url, init) => {
      calls.push({ url: String(url), init: init ?? {} })
      const answer = answers.shift()
      return answer instanceof Response ? Promise.resolve(answer) : Promise.reject(answer ?? new Error('none'))
    },
  )
  return { api, calls }
}

const json = (body: unknown, status = 200) => new Response(JSON.stringify(body), { status })

test('the token is a header and never in the address', async () => {
  const { api, calls } = faked([json({ a: 1 })])
  api.token = 't'
  expect(await api.get('/status')).toEqual({ a: 1 })
  expect(calls[0]?.url).toBe('http://a:1/api/v1/status')
  expect(calls[0]?.init.headers).toMatchObject({ Authorization: 'Bearer t' })
})

test('an error tells all its faults', async () => {
  const { api } = faked([json({ title: 'x', detail: 'two faults', code: 'invalid_spec', errors: [{ path: '/kind', message: 'no' }] }, 422)])
  const error = await api.send('POST', '/sources', { body: '{}' }).catch((e: unknown) => e)
  expect(error).toBeInstanceOf(Problem)
  expect(error).toMatchObject({ status: 422, code: 'invalid_spec', message: 'two faults', faults: [{ path: '/kind', message: 'no' }] })
})

test('an error that is no JSON, and no answer at all, are problems too', async () => {
  const { api } = faked([new Response('<h1>Bad gateway</h1>', { status: 502 }), new TypeError('fetch failed')])
  expect(await api.get('/x').catch((e: unknown) => e)).toMatchObject({ status: 502, message: '<h1>Bad gateway</h1>' })
  expect(await api.get('/x').catch((e: unknown) => e)).toMatchObject({ status: 0, code: 'no_answer' })
})

test('an empty answer is nothing', async () => {
  const { api } = faked([new Response(null, { status: 204 })])
  expect(await api.send('DELETE', '/sources/x')).toBeUndefined()
})

test('a list is walked to its end, its parameters only at first', async () => {
  const { api, calls } = faked([json({ items: [1, 2], next: 'a=b' }), json({ items: [3] })])
  expect(await api.all('/streams?match=x')).toEqual([1, 2, 3])
  expect(calls.map((c) => c.url.slice('http://a:1/api/v1'.length))).toEqual(['/streams?match=x&limit=1000', '/streams?page=a%3Db'])
})
