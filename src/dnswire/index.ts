export { addressOfReverseName, formatAddress, packAddress, reverseName } from './address.ts';
export {
  Class,
  className,
  Ede,
  EdnsOption,
  Flag,
  Opcode,
  parseRcode,
  parseType,
  Rcode,
  rcodeName,
  Type,
  typeName,
} from './codes.ts';
export { decodeMessage, encodeMessage, encodeQuery, HEADER_LENGTH, opcodeOf, optRecord } from './message.ts';
export type { Edns, EdnsOptionValue, Message, QuerySpec, Question, ResourceRecord } from './message.ts';
export {
  asBuffer,
  closestZone,
  countLabels,
  formatName,
  isBelow,
  joinLabels,
  lowerName,
  nameLabels,
  parentName,
  parseName,
  readName,
  ROOT,
} from './name.ts';
export type { WireName } from './name.ts';
export { findOption, parseQuery, QueryView } from './query-view.ts';
export type { Verdict } from './query-view.ts';
export { nameAt, numberAt, rdataLayout, soaMinimum, soaRdata, srvRdata, txtRdata } from './rdata.ts';
export type { Soa } from './rdata.ts';
export { formatRdata, formatRecord, sameRecord } from './format-record.ts';
export { parseRecord } from './parse-record.ts';
export { parseMasterFile } from './master-file.ts';
export { DnsWireError } from './wire-error.ts';
