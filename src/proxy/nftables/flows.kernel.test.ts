import { runKernelFlows } from '../fixtures/run-kernel-flows.ts';

runKernelFlows('nftables', ['IPv4', 'IPv6']);
