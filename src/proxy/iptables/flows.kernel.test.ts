import { runKernelFlows } from '../fixtures/run-kernel-flows.ts';

runKernelFlows('iptables', ['IPv4', 'IPv6']);
