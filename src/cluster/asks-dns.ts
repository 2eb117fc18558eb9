// One DNS question asked from inside a namespace: does the cluster's DNS answer there?
import { createSocket } from 'node:dgram';

import { decodeMessage, encodeQuery } from '../dnswire/index.ts';
import { openUdpSocketIn } from '../linux/index.ts';

const TIMEOUT_MS = 300;

/** True when `name` has an A record according to `server`. */
export function asksDns(netns: string, server: string, name: string): Promise<boolean> {
  const fd = openUdpSocketIn(netns, { address: '0.0.0.0', port: 0 });
  const socket = createSocket('udp4');
  return new Promise((resolve) => {
    const done = (answered: boolean) => {
      clearTimeout(timer);
      socket.close();
      resolve(answered);
    };
    const timer = setTimeout(() => done(false), TIMEOUT_MS);
    socket.once('error', () => done(false));
    socket.once('message', (reply) => {
      const message = decodeMessage(reply);
      done(message.rcode === 0 && message.answers.length > 0);
    });
    socket.bind({ fd }, () => {
      socket.send(encodeQuery({ name, type: 'A' }), 53, server, (e) => {
        if (e !== null) done(false);
      });
    });
  });
}
