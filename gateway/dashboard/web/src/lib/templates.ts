/** What a new source can begin with: the shapes that feeds have, with remarks. */
export interface Template {
  name: string
  about: string
  text: string
}

export const templates: Template[] = [
  {
    name: 'HTTP, polled',
    about: 'A JSON document that is fetched every few seconds',
    text: `name: my-poll
kind: rest
url: https://api.example.com/v1/readings
rest:
  every: 10s
  conditional: true          # ask only for what changed, where the server can
transform:
  split: .items[]            # a record for each item
stream: readings.{room}      # {room} is taken from the item
key: .room
native_id: .id               # what tells that it was seen before
time: .time
`,
  },
  {
    name: 'HTTP, only what is new',
    about: 'Pages of a list, from where the last poll ended',
    text: `name: my-increments
kind: rest
url: https://api.example.com/v1/trades
rest:
  every: 5s
  query: {limit: 100, from: '\${.since}'}
  pages: {next: link}        # follows the Link header
since: {from: '.[-1].id', start: 0}
transform:
  split: .[]
native_id: .id
time: .time
`,
  },
  {
    name: 'WebSocket',
    about: 'A feed that is subscribed to with a message',
    text: `name: my-socket
kind: websocket
url: wss://feed.example.com/ws
items: [BTC-USD, ETH-USD]
websocket:
  open:
    - {op: subscribe, channel: trades, market: '\${.item}'}
  ping: {idle: 15s, send: ping}
on:
  - when: .event == "error"
    fail: '\${.frame.message}'  # close, wait, and show why
transform:
  where: .event == "trade"
  map: '{id, market, price, size, time}'
stream: market.{market}
key: .market
native_id: .id
time: .time
liveness: {transport: 30s, data: 2m}
`,
  },
  {
    name: 'Server-sent events',
    about: 'A stream of events over HTTP; it goes on from the last event id',
    text: `name: my-events
kind: sse
url: https://feed.example.com/events
sse: {events: [update]}
transform:
  map: '. + {n: $meta.id}'
key: .id
native_id: .n
liveness: {transport: 30s}
`,
  },
  {
    name: 'Push, a webhook',
    about: 'Others send to any node of the mesh; the signature is checked',
    text: `name: my-hook
kind: push
push:
  verify: {alg: sha256, header: X-Hub-Signature-256, secret: '\${secret:hook}'}
transform:
  map: '. + {event: $meta.event}'
stream: hooks.{event}
native_id: .id
`,
  },
  {
    name: 'With a login',
    about: 'A token from OAuth 2, and a budget that spares the server',
    text: `name: my-account
kind: rest
url: https://api.example.com/v2/orders
auth:
  oauth2:
    token_url: https://login.example.com/token
    client_id: my-client
    client_secret: '\${secret:client}'
rest: {every: 30s}
budget: {requests: 2/s}      # over all sources and nodes
transform:
  split: .orders[]
native_id: .id
`,
  },
]
