'use strict'

// `node -r` loads this before every Node.js server of local runs and tests. It adds what a child process needs and the
// servers do not have:
//
//   - It exits when its standard input closes, so it lives no longer than its parent.
//   - It listens on 127.0.0.1 only, and says "ready <address>" on standard output.
//   - It survives an exception that nobody caught, such as kinesalite's when a client aborts a request. It exits if its
//     port is in use: the parent then chooses another.

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
