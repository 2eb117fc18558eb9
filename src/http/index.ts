// Node's http and https, taken from the runtime instead of imported: an `import` of them also loads fetch and WebSocket,
// about 10 MB and 55 ms in every process (measured, Node 24).
import process from 'node:process';

export const http = process.getBuiltinModule('node:http');
export const https = process.getBuiltinModule('node:https');
