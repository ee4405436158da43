'use strict'

// Preloaded with `node -r` in front of every Node.js server that local runs and tests use. It adds what a child
// process needs and the servers don't have:
//
//   - it lives only as long as its parent: when standard input closes, it exits, however the parent ended;
//   - it listens on 127.0.0.1 only, whatever the server asks for, and says "ready <address>" on standard output;
//   - it survives an exception that nobody caught, such as kinesalite's when a client aborts a request, but not a
//     port that is taken: that one must be seen by whoever chose the port.

const net = require('net')

process.stdin.on('end', () => process.exit(0))
process.stdin.on('error', () => process.exit(0))
process.stdin.resume()

for (const event of ['uncaughtException', 'unhandledRejection']) {
  process.on(event, err => {
    console.error(`guard: ${event}:`, err)
    if (err && err.syscall === 'listen') process.exit(1)
  })
}

const listen = net.Server.prototype.listen

net.Server.prototype.listen = function (...args) {
  if (args[0] !== null && typeof args[0] === 'object' && 'port' in args[0]) {
    args[0] = { ...args[0], host: '127.0.0.1' }
  } else if (!isNaN(args[0])) {
    const hostGiven = typeof args[1] === 'string' || args[1] === undefined
    args.splice(1, hostGiven ? 1 : 0, '127.0.0.1')
  }
  // An idle connection stays open, so that no request is sent into a connection that is just being closed.
  this.keepAliveTimeout = 0
  this.once('listening', () => {
    const { address, port } = this.address()
    console.log(`ready ${address}:${port}`)
  })
  return listen.apply(this, args)
}
