export type { CniNetwork } from './contract.ts';
export { installCni, uninstallCni } from './install.ts';
export type { CniPlaces, InstallOptions } from './install.ts';
export { DEFAULT_CNI_SOCKET, serveCni } from './serve-cni.ts';
export type { CniServer } from './serve-cni.ts';
