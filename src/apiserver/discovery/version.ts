// The version that clients are told. It says which Kubernetes API this server speaks; kubectl chooses by it.
import process from 'node:process';

export const version = {
  major: '1',
  minor: '32',
  gitVersion: 'v1.32.0+portico',
  gitCommit: '',
  gitTreeState: 'clean',
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: process.version,
  compiler: 'node',
  platform: `${process.platform}/${process.arch === 'x64' ? 'amd64' : process.arch}`,
} as const;
