export type { CniNetwork } from './contract.ts';
export { installCni, uninstallCni } from './install.ts';
export type { CniPlaces, InstallOptions } from './install.ts';
export { serveCni } from './serve-cni.ts';
export type { CniServer } from './serve-cni.ts';
