export { errnoName, isErrno, KernelError } from './sys/kernel-error.ts';
export type { FdPoll } from './sys/libc.ts';
export type { CreateNetnsOptions } from './netns/netns.ts';
export { createNetns, deleteNetns, inNetns, listNetns, netnsExists, netnsId, netnsPath } from './netns/netns.ts';
export type { CommandOptions, CommandResult } from './netns/run-command.ts';
export { runCommand } from './netns/run-command.ts';
export type { BoundSocketOptions } from './netns/sockets.ts';
export { boundPort, connectTcpIn, openTcpListenerIn, openUdpSocketIn } from './netns/sockets.ts';
export { spawnIn } from './netns/spawn.ts';
export type {
  Address,
  FdbEntry,
  Link,
  LinkChange,
  LinkKind,
  LinkSpec,
  Neighbor,
  Route,
  RouteFilter,
  RouteScope,
  RouteSpec,
  RouteType,
  Rtnl,
  RtnlEvent,
  RtnlGroup,
  VethSpec,
  VxlanSpec,
} from './rtnetlink/contract.ts';
export type { EchoOptions } from './icmp/echo.ts';
export { echo } from './icmp/echo.ts';
export { openRtnl } from './rtnetlink/rtnl.ts';
export { readSysctl, writeSysctl } from './sysctl/sysctl.ts';
export type { IptablesVariant } from './iptables/detect.ts';
export { detectIptables, findProgram } from './iptables/detect.ts';
export type {
  ChainRef,
  Iptables,
  IptablesFamily,
  IptablesOptions,
  IptablesTable,
  RestoreInput,
  RuleRef,
} from './iptables/iptables.ts';
export { IptablesError, openIptables } from './iptables/iptables.ts';
export type {
  ChainFacts,
  DataTypeName,
  ElementFacts,
  Field as NftField,
  KeyType,
  NatTarget,
  Nft,
  NftChain,
  NftElement,
  NftEvent,
  NftFamily,
  NftHook,
  NftObject,
  NftOperation,
  NftRule,
  NftRuleRef,
  NftSet,
  NftTable,
  RejectWith,
  RuleFacts,
  Selector as NftSelector,
  SelectorName,
  SetFacts,
  Statement as NftStatement,
  TableFacts,
  TableRef,
  Verdict as NftVerdict,
} from './nft/contract.ts';
export type { PacketCounter } from './nfacct/nfacct.ts';
export { ensurePacketCounter, readPacketCounters } from './nfacct/nfacct.ts';
export { NftTransaction } from './nft/transaction.ts';
export { elementText, ruleText, statementText } from './nft/render.ts';
export type { OpenNftOptions } from './nft/open-nft.ts';
export { openNft } from './nft/open-nft.ts';
export { monitorNft, NetlinkNft } from './nft/netlink-nft.ts';
export type { ParsedRule, ParseRuleContext } from './nft/parse-rule.ts';
export { parseRule, ruleFromText, RuleSyntaxError } from './nft/parse-rule.ts';
export type {
  Conntrack,
  ConntrackEntry,
  ConntrackEvent,
  ConntrackFilter,
  ConntrackStatus,
  ConntrackTuple,
} from './conntrack/contract.ts';
export { openConntrack } from './conntrack/conntrack.ts';
export type { BpfInstruction, PacketFilter } from './capture/bpf.ts';
export type { Capture, CapturedPacket, CaptureOptions } from './capture/capture.ts';
export { openCapture } from './capture/capture.ts';
export type { UdpBatch, UdpBatchOptions, UdpPeer } from './udp/udp-batch.ts';
export { openUdpBatch, udpPeerAddress } from './udp/udp-batch.ts';
export type { NftTrace, NftTraceEvent } from './nft/trace.ts';
export { traceNft } from './nft/trace.ts';
export type { MountEntry } from './mounts/mounts.ts';
export { listMounts, unmountTree } from './mounts/mounts.ts';
export type { Pty } from './pty/pty.ts';
export { openPty } from './pty/pty.ts';
