// One MPTCP connection on which numbered lines are echoed ten times a second. Only Node and the addon are needed.
//   node talk.cjs server ADDON PORT          node talk.cjs client ADDON HOST PORT FILE
// The client writes the last number that came back into FILE, and "ended" when the connection ends.
const { writeFileSync } = require('node:fs');
const net = require('node:net');

const [, , role, path, ...args] = process.argv;
const addon = require(path);

if (role === 'server') {
  const fd = addon.streamSocket(false, true, undefined, undefined, '0.0.0.0', Number(args[0]), 16);
  net.createServer((socket) => socket.on('error', () => socket.destroy()).pipe(socket)).listen({ fd });
} else {
  const [host, port, file] = args;
  const fd = addon.streamSocket(false, true, undefined, undefined, undefined, 0, -1);
  const socket = new net.Socket({ fd });
  let sent = 0;
  let rest = '';
  socket.setEncoding('utf8').on('data', (text) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop();
    if (lines.length > 0) writeFileSync(file, lines.at(-1));
  });
  for (const event of ['error', 'close'])
    socket.on(event, (error) => {
      writeFileSync(file, `ended ${error?.code ?? ''}`);
      process.exit(1);
    });
  socket.connect({ host, port: Number(port) }, () => setInterval(() => socket.write(`${++sent}\n`), 100));
}
